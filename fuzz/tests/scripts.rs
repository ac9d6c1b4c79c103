//! Random scripts in lockstep: where they get, and that a difference is seen.

use farewell_fuzz::engine::{Engine, EngineConfig};
use farewell_fuzz::lockstep::{Lockstep, last_difference};
use farewell_fuzz::scripts::play_many;
use farewell_model::endpoint::{Call, Effects, Endpoint, Event};
use farewell_model::seq::Seq;
use farewell_model::spec::choices::SendWhen;
use farewell_model::spec::{Choices, Config, Spec};

#[test]
fn scripts_take_every_transition_and_show_no_difference() {
    let histogram = play_many(1, 20_000).unwrap_or_else(|difference| panic!("{difference}"));
    println!("{histogram}");
    assert!(histogram.rare().is_empty(), "{:#?}", histogram.rare());
}

/// The comparison itself: an engine with another TIME_WAIT, window or reading is told apart.
#[test]
fn other_settings_are_another_machine() {
    let spec = Config {
        choices: Choices {
            send: SendWhen::AtTheEnd,
            ..Choices::default()
        },
        rules: farewell_model::rules::Profile::Hardened.rules(),
        time_wait: 3,
        fin_wait_2: None,
        user_timeout: None,
        give_up: Some(2),
        keep_alive: None,
        receive_buffer: 4,
        fixed_window: false,
        no_timer_in: None,
    };
    let opens = |engine: EngineConfig, ticks: usize| {
        type Both = Lockstep<Spec, Engine>;
        let c = (spec, engine);
        let mut i = Both::boot(&c);
        let mut step = |e| Both::step(&c, &mut i, e, Some(Seq::new(7)), &mut Effects::default());
        step(Event::Call(Call::OpenActive { timestamps: false }));
        (0..ticks).for_each(|_| step(Event::Tick));
        Both::observe(&c, &i).differs
    };
    let like = EngineConfig::like(&spec, false);
    assert!(!opens(like, 3));
    let window = EngineConfig {
        receive_buffer: 3,
        ..like
    };
    assert!(opens(window, 0) && last_difference().contains("rcv_wnd: specification 4, engine 3"));
    let mut impatient = like;
    impatient.tcp.give_up_open = Some(std::time::Duration::from_millis(1));
    assert!(!opens(impatient, 0) && opens(impatient, 1));
}
