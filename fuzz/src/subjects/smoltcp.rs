//! smoltcp as a [`Stack`], in process and in virtual time. It has no indications, no CLOSE after which nobody reads, and one
//! socket for all incarnations.

use farewell_model::endpoint::{Call, CallError, MAX_DATA};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{self, RecvError, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::{Stack, Terms};
use crate::subject::{Input, Micros, Output, Subject, SubjectError};

const BUFFER: usize = MAX_DATA;
const HERE: (IpAddress, u16) = (IpAddress::v4(192, 0, 2, 1), 80);
const THERE: (IpAddress, u16) = (IpAddress::v4(192, 0, 2, 2), 4_242);

/// The stack.
#[derive(Clone, Copy, Debug)]
pub struct Smoltcp;

impl Stack for Smoltcp {
    fn name(&self) -> &'static str {
        "smoltcp"
    }

    fn terms(&self) -> Terms {
        Terms {
            time_wait: 10_000_000, // its CLOSE_DELAY
            ..Terms::default()
        }
    }

    fn expectations(&self) -> &'static str {
        include_str!("../../expectations/smoltcp.txt")
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        let mut wire = Wire::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = 0x4661_7265_7765_6c6c;
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        let mut room = true;
        interface.update_ip_addrs(|all| room = all.push(IpCidr::new(HERE.0, 24)).is_ok());
        if !room {
            return Err(SubjectError::Broken(
                "smoltcp was built without room for an address".into(),
            ));
        }
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        Ok(Box::new(Host {
            wire,
            interface,
            sockets,
            socket,
            now: Instant::ZERO,
            read: Vec::new(),
        }))
    }
}

/// What arrives and what leaves.
#[derive(Default)]
struct Wire {
    arriving: Option<Vec<u8>>,
    leaving: Vec<Vec<u8>>,
}

struct Arriving(Vec<u8>);
struct Leaving<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Arriving {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push(packet);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Arriving;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arriving, Leaving<'_>)> {
        let arriving = Arriving(self.arriving.take()?);
        Some((arriving, Leaving(&mut self.leaving)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        Some(Leaving(&mut self.leaving))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut c = DeviceCapabilities::default();
        c.medium = Medium::Ip;
        c.max_transmission_unit = 1_500;
        c
    }
}

struct Host {
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    now: Instant,
    read: Vec<Output>,
}

impl Host {
    fn poll(&mut self) {
        self.interface
            .poll(self.now, &mut self.wire, &mut self.sockets);
    }

    fn call(&mut self, call: Call) -> Result<(), CallError> {
        let socket = self.sockets.get_mut::<tcp::Socket>(self.socket);
        match call {
            // It lets a socket that listens listen again: for RFC 9293 that is an error.
            Call::OpenPassive { .. } if socket.is_open() => return Err(CallError::AlreadyExists),
            Call::OpenPassive { .. } => socket
                .listen(HERE.1)
                .map_err(|_| CallError::AlreadyExists)?,
            Call::OpenActive { .. } => socket
                .connect(self.interface.context(), THERE, HERE)
                .map_err(|_| CallError::AlreadyExists)?,
            Call::Send { len, text } => {
                // All or nothing, as RFC 9293 has it; before the handshake it has no room.
                if matches!(
                    socket.state(),
                    State::Listen | State::SynSent | State::SynReceived
                ) || socket.may_send()
                    && socket.send_capacity() - socket.send_queue() < len.into()
                {
                    return Err(CallError::InsufficientResources);
                }
                socket
                    .send_slice(&text[..usize::from(len)])
                    .map_err(|_| CallError::Closing)?;
            }
            Call::Receive(most) => {
                let mut to = [0; MAX_DATA];
                match socket.recv_slice(&mut to[..usize::from(most).min(MAX_DATA)]) {
                    Ok(0) => {}
                    Ok(n) => self.read.push(Output::Read(to[..n].to_vec(), false)),
                    Err(RecvError::Finished) => {
                        self.read.push(Output::Read(Vec::new(), true));
                        return Err(CallError::Closing);
                    }
                    Err(RecvError::InvalidState) => return Err(CallError::DoesNotExist),
                }
            }
            Call::Shutdown | Call::Close => socket.close(),
            Call::Abort => socket.abort(),
            Call::Status => {}
        }
        Ok(())
    }
}

impl Subject for Host {
    fn input(&mut self, at: Micros, input: Input) -> Result<(), SubjectError> {
        self.now = Instant::from_micros(at as i64);
        let reply = match input {
            Input::Call(call, _) => self.call(call),
            Input::Packet(bytes, _) => {
                self.wire.arriving = Some(bytes);
                Ok(())
            }
        };
        self.poll();
        reply.map_err(SubjectError::Call)
    }

    fn advance(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        self.now = Instant::from_micros(to as i64);
        self.poll();
        self.read.drain(..).for_each(|read| out(to, read));
        self.wire
            .leaving
            .drain(..)
            .for_each(|packet| out(to, Output::Packet(packet)));
    }
}
