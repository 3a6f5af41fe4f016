//! Where messages of HTTP/1.1 begin and end, so that their bytes can be
//! passed on as they come.

use std::io;

/// More than any client or server sends in a head.
const HEAD_LIMIT: usize = 64 << 10;

/// The first line and the headers of a message.
#[derive(Debug)]
pub(super) struct Head {
    /// `GET /x HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub start: String,
    /// As they came.
    pub headers: Vec<(String, String)>,
    /// How many bytes it takes, the empty line included.
    pub length: usize,
}

impl Head {
    /// The head at the beginning of these bytes; `None` while it is not whole.
    pub fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            if bytes.len() > HEAD_LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Ok(Some(Self {
            start,
            headers,
            length: end + 4,
        }))
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The status, of an answer.
    pub fn status(&self) -> io::Result<u16> {
        self.start
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Whether the connection ends with this message.
    pub fn is_last(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The body that follows the head of a request.
    pub fn request_body(&self) -> io::Result<Body> {
        Ok(self.framed()?.unwrap_or(Body::Length(0)))
    }

    /// The body that follows the head of an answer to such a request.
    pub fn answer_body(&self, method: &str) -> io::Result<Body> {
        if method == "HEAD" || matches!(self.status()?, 204 | 304) {
            return Ok(Body::Length(0));
        }
        Ok(self.framed()?.unwrap_or(Body::UntilClose))
    }

    fn framed(&self) -> io::Result<Option<Body>> {
        if self
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        {
            return Ok(Some(Body::Chunked(Chunk::Size(0))));
        }
        match self.header("content-length").map(str::parse) {
            Some(Ok(length)) => Ok(Some(Body::Length(length))),
            Some(Err(_)) => Err(io::ErrorKind::InvalidData.into()),
            None => Ok(None),
        }
    }
}

/// What of a body is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks, up to an empty one.
    Chunked(Chunk),
    /// All there is.
    UntilClose,
}

/// A place in a body of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// In the digits of a chunk's size; their value until here.
    Size(u64),
    /// Behind the digits, before the end of the line.
    Extension(u64),
    /// So many bytes of data.
    Data(u64),
    /// At the end of the line behind the data.
    DataEnd,
    /// In a line behind the empty chunk; whether it is empty until here.
    Trailer(Line),
    /// Behind it all.
    Done,
}

/// How much of a line was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing but its end.
    Empty,
    /// Something.
    Begun,
}

impl Body {
    /// Whether nothing more is to come.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Takes what belongs to the body from the beginning of these bytes, and
    /// says how many those are; `data` is given its content.
    pub fn take(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> io::Result<usize> {
        let within = |left: u64, bytes: &[u8]| {
            usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
        };
        match self {
            Self::UntilClose => {
                data(bytes);
                Ok(bytes.len())
            }
            Self::Length(left) => {
                let taken = within(*left, bytes);
                data(&bytes[..taken]);
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunked(place) => {
                let mut at = 0;
                while at < bytes.len() && *place != Chunk::Done {
                    if let Chunk::Data(left) = place {
                        let taken = within(*left, &bytes[at..]);
                        data(&bytes[at..at + taken]);
                        at += taken;
                        *left -= taken as u64;
                        if *left == 0 {
                            *place = Chunk::DataEnd;
                        }
                    } else {
                        *place = place.after(bytes[at])?;
                        at += 1;
                    }
                }
                Ok(at)
            }
        }
    }
}

impl Chunk {
    /// The place behind a byte that is not data.
    fn after(self, byte: u8) -> io::Result<Self> {
        Ok(match (self, byte) {
            (Self::Size(0) | Self::Extension(0) | Self::Trailer(Line::Begun), b'\n') => {
                Self::Trailer(Line::Empty)
            }
            (Self::Size(size) | Self::Extension(size), b'\n') => Self::Data(size),
            (Self::Size(size), b'\r' | b';' | b' ') => Self::Extension(size),
            (Self::Size(size), digit) => char::from(digit)
                .to_digit(16)
                .and_then(|digit| size.checked_mul(16)?.checked_add(digit.into()))
                .map(Self::Size)
                .ok_or(io::ErrorKind::InvalidData)?,
            (Self::DataEnd, b'\n') => Self::Size(0),
            (Self::Trailer(Line::Empty), b'\n') => Self::Done,
            (Self::Trailer(_), other) if other != b'\r' => Self::Trailer(Line::Begun),
            _ => self,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds it in pieces of every size; the content and what was taken.
    fn read(body: Body, bytes: &[u8]) -> (Vec<u8>, usize) {
        let mut all = Vec::new();
        for size in 1..=bytes.len() {
            let (mut body, mut content, mut taken) = (body, Vec::new(), 0);
            for piece in bytes.chunks(size) {
                if body.is_done() {
                    break;
                }
                taken += body.take(piece, |data| content.extend(data)).unwrap();
            }
            assert!(body.is_done(), "{size}");
            all.push((content, taken));
        }
        all.dedup();
        assert_eq!(all.len(), 1, "the size of the pieces makes a difference");
        all.remove(0)
    }

    #[test]
    fn a_body_ends_where_it_says() {
        let chunks = b"5\r\nhello\r\n1D;x=y\r\n, this is chunked transfer!!!\r\n0\r\n\r\nGET";
        let (content, taken) = read(Body::Chunked(Chunk::Size(0)), chunks);
        assert_eq!(content, b"hello, this is chunked transfer!!!");
        assert_eq!(taken, chunks.len() - 3);
        let trailer = b"0\r\nA: b\r\n\r\nGET";
        let (content, taken) = read(Body::Chunked(Chunk::Size(0)), trailer);
        assert_eq!((content.as_slice(), taken), (&b""[..], trailer.len() - 3));
        assert_eq!(read(Body::Length(4), b"four more"), (b"four".to_vec(), 4));
    }

    #[test]
    fn a_size_that_is_none_is_refused() {
        for bytes in [&b"x\r\n"[..], b"fffffffffffffffff\r\n"] {
            let mut body = Body::Chunked(Chunk::Size(0));
            assert!(body.take(bytes, |_| {}).is_err());
        }
    }

    #[test]
    fn heads_say_what_follows() {
        let head = |text: &str| Head::parse(text.as_bytes()).unwrap();
        assert!(head("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n").is_none());
        let answer = head("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour").unwrap();
        assert_eq!(answer.status().unwrap(), 200);
        assert_eq!(answer.answer_body("GET").unwrap(), Body::Length(4));
        assert_eq!(answer.answer_body("HEAD").unwrap(), Body::Length(0));
        let request = head("GET /x HTTP/1.1\r\nHost: y\r\n\r\n").unwrap();
        assert_eq!(request.request_body().unwrap(), Body::Length(0));
        let open = head("HTTP/1.1 200 OK\r\n\r\n").unwrap();
        assert_eq!(open.answer_body("GET").unwrap(), Body::UntilClose);
    }
}
