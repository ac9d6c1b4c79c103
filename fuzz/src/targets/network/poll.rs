//! Polling an end: what it sends, and what it tells its user.

use farewell::State;
use farewell::wire::{Checksums, Flags};
use farewell_pcapng::Heading;

use super::app::byte;
use super::host::Mishap;
use super::ladder::{Sketch, What};
use super::link::InFlight;
use super::world::World;
use crate::targets::tape;

/// Segments in a row that an engine has to send at most.
const MOST_AT_ONCE: u32 = 10_000;

impl World<'_> {
    /// Polls one end in the order that is documented, until it has nothing more.
    pub(super) fn settle(&mut self, n: usize) {
        let h = &mut self.hosts[n];
        if h.listens && !h.open && !h.app.over && h.tcp.state() == State::Closed {
            h.tcp.listen(h.plan.timestamps).expect("it is closed");
        }
        h.look(&mut self.outcome.transitions);
        let mut segments = 0;
        while self.transmit(n) {
            segments += 1;
            self.hosts[n].look(&mut self.outcome.transitions);
            assert!(segments < MOST_AT_ONCE, "it sends without an end");
        }
        while let Some(i) = self.hosts[n].tcp.poll_event() {
            self.note(What::User(n, format!("is told {i:?}")));
            let [a, b] = &mut self.hosts;
            let (h, peer) = if n == 0 { (a, b) } else { (b, a) };
            h.told(i, peer);
        }
        self.hosts[n].look(&mut self.outcome.transitions);
        self.excuse(n);
    }

    /// Mishaps have causes.
    fn excuse(&self, n: usize) {
        let (h, peer) = (&self.hosts[n], &self.hosts[1 - n]);
        if h.has(Mishap::GaveUp) {
            let c = &h.config;
            let probing = c
                .keep_alive
                .map(|k| k.idle * (1 + u32::from(k.probes.unwrap_or(0))));
            let patience = [c.give_up, c.give_up_open, probing];
            let patience = patience.into_iter().flatten().max().unwrap_or_default();
            let unfair = self.link.harmed >= 2 && self.now.since(self.link.fair_from) <= patience;
            assert!(
                unfair || !peer.mishaps.is_empty() || self.may_be_refused,
                "host {n} gave up on a network that lost one packet at most, or none for as long as it waits"
            );
        }
        if h.has(Mishap::Reset) {
            assert!(
                self.old_copies || !peer.mishaps.is_empty(),
                "host {n} was reset by a peer that is well"
            );
        }
    }

    /// Sends one segment, if there is one.
    fn transmit(&mut self, n: usize) -> bool {
        let now = self.now;
        let h = &mut self.hosts[n];
        let Some(mut out) = h.tcp.poll_transmit(&h.config, now) else {
            return false;
        };
        let header = &mut out.header;
        (header.src_port, header.dst_port) = [(49_152, 80), (80, 49_152)][n];
        let header = *header;
        if header.flags.has(Flags::SYN) {
            let above = h.above.is_none_or(|old| header.seq.distance(old) >= 0);
            assert!(
                above,
                "the ISS of a connection that reopens another is below its numbers"
            );
            h.iss = header.seq;
        }
        let (head, tail) = h.tcp.text(&out);
        let len = head.len() + tail.len();
        assert_eq!(len, out.len as usize, "the text that was announced");
        self.sent_text |= len > 0;
        if len > 0 {
            let from = header.seq.distance(h.iss + 1);
            assert!(
                from >= 0 && from as u32 + out.len <= h.app.written,
                "text that nobody wrote"
            );
            let text = head.iter().chain(tail).zip(from as u32..);
            let life = self.life;
            assert!(
                text.into_iter().all(|(b, at)| *b == byte(life, n, at)),
                "other text is sent"
            );
        }
        let options = header.options.emitted_len();
        let most = usize::from(self.script.hosts[0].mss.min(self.script.hosts[1].mss));
        if !header.flags.has(Flags::SYN) {
            assert!(
                len + options <= most,
                "{len} of text and {options} of options are over the MSS"
            );
        }
        let mut bytes = vec![0; 60 + len];
        let emitted = header.emit_with(
            &self.addresses[n],
            (head, tail),
            &mut bytes,
            Checksums::Verify,
        );
        bytes.truncate(emitted.expect("room for any header"));
        tape::packet(n, Heading::Out, now.0, || {
            tape::in_ip(&self.addresses[n], &bytes)
        });
        let isns = [0, 1].map(|n: usize| self.hosts[n].iss);
        let sketch = Sketch::new(n, now, isns, &header, len);
        let corrupted = false;
        let packet = InFlight {
            sketch,
            bytes,
            corrupted,
        };
        if !self.link.send(now, packet) {
            self.note(What::Segment(sketch, "  !! lost"));
        }
        true
    }
}
