//! The connection to the server behind the proxy.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

use super::wire::{Body, Head};

/// Enough for most objects at once.
const PIECE: usize = 32 << 10;

/// Where the server is, and how it proves that it is the one.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Server {
    /// The server at this address, whose certificate these, in PEM, vouch for.
    pub fn new(address: SocketAddr, authorities: &[u8]) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            roots
                .add(certificate.map_err(io::Error::other)?)
                .map_err(io::Error::other)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Arc::new(config);
        Ok(Self { address, config })
    }

    /// A new connection.
    pub fn connect(&self) -> io::Result<Upstream> {
        let name = ServerName::IpAddress(self.address.ip().into());
        let tls =
            ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        let tcp = TcpStream::connect(self.address)?;
        tcp.set_nodelay(true)?;
        Ok(Upstream {
            tls,
            tcp,
            read: Vec::new(),
        })
    }
}

/// Whether an answer is given up when the client that asked is gone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wait<'a> {
    /// It ends by itself.
    ToTheEnd,
    /// It goes on for as long as this client listens.
    While(&'a TcpStream),
}

/// A connection, kept from one request to the next.
#[derive(Debug)]
pub(super) struct Upstream {
    tls: ClientConnection,
    tcp: TcpStream,
    /// Read, and not yet passed on.
    read: Vec<u8>,
}

impl Upstream {
    /// Whether the server closed it meanwhile, or said what nobody asked.
    pub fn is_stale(&self) -> bool {
        let mut fds = [PollFd::new(&self.tcp, PollFlags::RDHUP)];
        let at_once = rustix::event::Timespec::default();
        !self.read.is_empty() || !matches!(poll(&mut fds, Some(&at_once)), Ok(0))
    }

    /// Sends a whole request.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let mut stream = Stream::new(&mut self.tls, &mut self.tcp);
        stream.write_all(request)?;
        stream.flush()
    }

    /// Waits for the head of the answer; its bytes stay to be passed on.
    pub fn head(&mut self, wait: Wait) -> io::Result<Head> {
        loop {
            if let Some(head) = Head::parse(&self.read)? {
                return Ok(head);
            }
            if self.more(wait)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Passes on the head and the body, each piece when it comes.
    pub fn pass(
        &mut self,
        head: &Head,
        mut body: Body,
        to: &mut impl io::Write,
        wait: Wait,
    ) -> io::Result<()> {
        let mut ready = head.length;
        loop {
            ready += body.take(&self.read[ready..], |_| {})?;
            to.write_all(&self.read[..ready])?;
            self.read.drain(..ready);
            ready = 0;
            if body.is_done() {
                return Ok(());
            }
            if self.more(wait)? == 0 {
                return match body {
                    Body::UntilClose => Ok(()),
                    Body::Length(_) | Body::Chunked(_) => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Reads what has come, or waits for it; 0 when the server is done.
    fn more(&mut self, wait: Wait) -> io::Result<usize> {
        loop {
            let length = self.read.len();
            self.read.resize(length + PIECE, 0);
            let read = self.tls.reader().read(&mut self.read[length..]);
            self.read.truncate(length + *read.as_ref().unwrap_or(&0));
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            if let Wait::While(client) = wait {
                self.while_there(client)?;
            }
            if self.tls.read_tls(&mut self.tcp)? == 0 {
                return Ok(0);
            }
            self.tls.process_new_packets().map_err(io::Error::other)?;
            while self.tls.wants_write() {
                self.tls.write_tls(&mut self.tcp)?;
            }
        }
    }

    /// Waits until the server says something; fails when the client is gone.
    fn while_there(&self, client: &TcpStream) -> io::Result<()> {
        let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(self.tcp.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(client.as_fd(), PollFlags::RDHUP),
            ];
            match poll(&mut fds, None) {
                Ok(_) if fds[1].revents().intersects(gone) => {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
