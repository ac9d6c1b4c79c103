//! The kernel's own TCP sockets and their states, by sock_diag: closed ones that linger, too, which no descriptor names.

use std::io;
use std::net::SocketAddr;

use farewell::State;
use netlink_packet_core::{
    DecodeError, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

/// Why the kernel's sockets could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiagError {
    /// The kernel does not have it, or something else.
    #[error("sock_diag: {0} (has the kernel tcp_diag?)")]
    Io(#[from] io::Error),
    /// What it says cannot be read.
    #[error("sock_diag: {0}")]
    Decode(#[from] DecodeError),
}

/// A socket of the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KernelSocket {
    /// The kernel's end.
    pub local: SocketAddr,
    /// The peer's end; port 0 for a listener.
    pub remote: SocketAddr,
    /// Its state. SYN_RECEIVED is a connection that nobody has accepted yet.
    pub state: State,
    /// Bytes that were sent or are to be, and are not acknowledged (of a listener: how many it may accept at most).
    pub unacknowledged: u32,
}

/// The states as `linux/tcp_states.h` numbers them.
const STATES: [State; 13] = [
    State::Closed,
    State::Established,
    State::SynSent,
    State::SynReceived,
    State::FinWait1,
    State::FinWait2,
    State::TimeWait,
    State::Closed,
    State::CloseWait,
    State::LastAck,
    State::Listen,
    State::Closing,
    State::SynReceived, // TCP_NEW_SYN_RECV
];

/// A question to the kernel, that can be asked again and again. It sees the network namespace in which it was opened.
pub struct Diag {
    socket: Socket,
    buf: Vec<u8>,
}

impl Diag {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub fn open() -> Result<Diag, DiagError> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        socket.connect(&netlink_sys::SocketAddr::new(0, 0))?;
        Ok(Diag {
            socket,
            buf: Vec::with_capacity(1 << 16),
        })
    }

    /// All TCP sockets of the namespace, IPv4 and IPv6.
    ///
    /// # Errors
    ///
    /// The kernel refuses, or cannot be understood.
    pub fn sockets(&mut self) -> Result<Vec<KernelSocket>, DiagError> {
        let mut all = Vec::new();
        for (family, socket_id) in [
            (AF_INET, SocketId::new_v4()),
            (AF_INET6, SocketId::new_v6()),
        ] {
            self.ask(NLM_F_DUMP, family, socket_id)?;
            while !self.answer(&mut all)? {}
        }
        Ok(all)
    }

    /// The state of the kernel's socket between these ends; CLOSED if there is none.
    ///
    /// # Errors
    ///
    /// The kernel refuses, or cannot be understood.
    pub fn state(&mut self, local: SocketAddr, remote: SocketAddr) -> Result<State, DiagError> {
        let socket = self.between(local, remote)?;
        Ok(socket.map_or(State::Closed, |s| s.state))
    }

    /// The kernel's socket between these ends.
    ///
    /// # Errors
    ///
    /// The kernel refuses, or cannot be understood.
    pub fn between(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<Option<KernelSocket>, DiagError> {
        let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
        let socket_id = SocketId {
            source_port: local.port(),
            destination_port: remote.port(),
            source_address: local.ip(),
            destination_address: remote.ip(),
            interface_id: 0,
            cookie: [0xff; 8],
        };
        self.ask(0, family, socket_id)?;
        let mut found = Vec::new();
        match self.answer(&mut found) {
            Err(DiagError::Io(e)) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
            // For want of a connection it names a listener.
            Ok(_) => Ok(found.first().filter(|s| s.remote == remote).copied()),
        }
    }

    fn ask(&mut self, flags: u16, family: u8, socket_id: SocketId) -> Result<(), DiagError> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let request = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            // Those in SYN_RECEIVED have a number that the names do not reach.
            states: StateFlags::from_bits_retain(u32::MAX),
            socket_id,
        };
        let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        Ok(())
    }

    /// One datagram of the answer; says whether it was the last.
    fn answer(&mut self, all: &mut Vec<KernelSocket>) -> Result<bool, DiagError> {
        self.buf.clear();
        self.socket.recv(&mut self.buf, 0)?;
        let mut rest = self.buf.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest)?;
            let padded = (message.header.length as usize).next_multiple_of(4);
            rest = rest.get(padded.max(4)..).unwrap_or_default();
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(r)) => {
                    let (h, id) = (&r.header, &r.header.socket_id);
                    all.push(KernelSocket {
                        local: (id.source_address, id.source_port).into(),
                        remote: (id.destination_address, id.destination_port).into(),
                        state: STATES
                            .get(usize::from(h.state))
                            .copied()
                            .unwrap_or_default(),
                        unacknowledged: h.send_queue,
                    });
                }
                NetlinkPayload::Done(_) => return Ok(true),
                NetlinkPayload::Error(e) => return Err(e.to_io().into()),
                _ => {}
            }
        }
        Ok(false)
    }
}
