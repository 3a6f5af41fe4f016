//! Where a registry may send us, and in which scheme.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use model::image::DOCKER_HUB;
use reqwest::Url;

use crate::error::AddressFault;

/// Where Docker Hub answers.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// Token servers of well-known registries that are hosts of their own.
const KNOWN_REALMS: [(&str, &str); 5] = [
    (DOCKER_HUB, "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("registry.redhat.io", "sso.redhat.com"),
    ("docker.elastic.co", "docker-auth.elastic.co"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
];

/// Where a cloud machine finds its own secrets, by name.
const METADATA_NAMES: [&str; 2] = ["metadata.google.internal", "metadata"];

/// Another place for a registry's images: `host[:port][/prefix]`.
///
/// ```
/// let mirror: registry::settings::Mirror = "mirror.example.com:8443/hub".parse()?;
/// assert!("https://mirror.example.com".parse::<registry::settings::Mirror>().is_err());
/// # Ok::<(), registry::settings::MirrorError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mirror {
    pub(crate) host: String,
    pub(crate) prefix: Option<String>,
}

/// Why a text names no mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a mirror is a host with an optional port and path, without scheme")]
pub struct MirrorError;

impl FromStr for Mirror {
    type Err = MirrorError;

    fn from_str(text: &str) -> Result<Self, MirrorError> {
        let (host, prefix) = match text.split_once('/') {
            Some((host, prefix)) => (host, Some(prefix)),
            None => (text, None),
        };
        let url = Url::parse(&format!("https://{host}/")).map_err(|_| MirrorError)?;
        if authority(&url) != host.to_ascii_lowercase().trim_end_matches(":443") {
            return Err(MirrorError);
        }
        // What an image may be called, a prefix may.
        if let Some(prefix) = prefix
            && format!("registry.invalid/{prefix}")
                .parse::<model::image::ImageRef>()
                .map_or(true, |image| image.repository() != prefix)
        {
            return Err(MirrorError);
        }
        Ok(Self {
            host: host.to_owned(),
            prefix: prefix.map(str::to_owned),
        })
    }
}

/// The host and, when it is not the scheme's own, the port.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// What the settings say of hosts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    plain_http: BTreeSet<String>,
    realms: BTreeMap<String, BTreeSet<String>>,
    /// Named anywhere, so meant.
    named: BTreeSet<String>,
}

impl Rules {
    pub(crate) fn new(
        plain_http: &BTreeSet<String>,
        realms: &BTreeMap<String, BTreeSet<String>>,
        mirrors: &BTreeMap<String, Vec<Mirror>>,
    ) -> Self {
        let lower = |hosts: &BTreeSet<String>| -> BTreeSet<String> {
            hosts.iter().map(|h| h.to_ascii_lowercase()).collect()
        };
        let realms: BTreeMap<_, _> = realms
            .iter()
            .map(|(registry, hosts)| (registry.to_ascii_lowercase(), lower(hosts)))
            .collect();
        let plain_http = lower(plain_http);
        let named = plain_http
            .iter()
            .chain(realms.values().flatten())
            .cloned()
            .chain(
                mirrors
                    .values()
                    .flatten()
                    .map(|m| m.host.to_ascii_lowercase()),
            )
            .collect();
        Self {
            plain_http,
            realms,
            named,
        }
    }

    /// Where a registry answers, most likely first. Loopback is asked in
    /// plain HTTP first, as nearly all registries there speak it.
    pub(crate) fn bases(&self, registry: &str) -> Vec<Url> {
        let host = if registry == DOCKER_HUB {
            DOCKER_HUB_HOST
        } else {
            registry
        };
        let url = |scheme: &str| Url::parse(&format!("{scheme}://{host}/")).ok();
        let https = url("https");
        let http = url("http");
        if http.as_ref().is_some_and(|u| self.may_be_plain(u)) {
            let is_named = http.as_ref().is_some_and(|u| contains(&self.plain_http, u));
            let https = https.filter(|_| !is_named);
            return http.into_iter().chain(https).collect();
        }
        https.into_iter().collect()
    }

    fn may_be_plain(&self, url: &Url) -> bool {
        is_loopback(url) || contains(&self.plain_http, url)
    }

    /// The address of a token server that `registry`, which answers at `base`,
    /// names; or why it is not gone to.
    pub(crate) fn realm(
        &self,
        registry: &str,
        base: &Url,
        realm: &str,
        has_login: bool,
    ) -> Result<Url, AddressFault> {
        let mut url = Url::parse(realm).map_err(|_| AddressFault::Form)?;
        url.set_fragment(None);
        let pair = self
            .realms
            .get(&registry.to_ascii_lowercase())
            .is_some_and(|hosts| contains(hosts, &url));
        self.onward(base, &url, pair)?;
        let known = || {
            KNOWN_REALMS
                .iter()
                .any(|(r, host)| *r == registry && *host == authority(&url))
        };
        if has_login && !is_same_place(base, &url) && !pair && !known() {
            return Err(AddressFault::Foreign);
        }
        Ok(url)
    }

    /// Where a redirect leads, or why it is not followed.
    pub(crate) fn redirect(&self, from: &Url, location: &str) -> Result<Url, AddressFault> {
        let url = from.join(location).map_err(|_| AddressFault::Form)?;
        self.onward(from, &url, contains(&self.named, &url))?;
        Ok(url)
    }

    fn onward(&self, from: &Url, to: &Url, is_named: bool) -> Result<(), AddressFault> {
        if !to.username().is_empty() || to.password().is_some() || to.host_str().is_none() {
            return Err(AddressFault::Form);
        }
        match to.scheme() {
            "https" => {}
            "http" if from.scheme() == "http" && self.may_be_plain(to) => {}
            "http" => return Err(AddressFault::PlainHttp),
            _ => return Err(AddressFault::Form),
        }
        if is_private(to) && !is_named && !is_same_place(from, to) {
            return Err(AddressFault::Private);
        }
        Ok(())
    }
}

/// Whether the hosts hold this one, with its port or for all ports.
fn contains(hosts: &BTreeSet<String>, url: &Url) -> bool {
    hosts.contains(&authority(url)) || url.host_str().is_some_and(|host| hosts.contains(host))
}

/// Whether credentials for the one may be sent to the other.
pub(crate) fn is_same_place(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

fn ip(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let host = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    let ip: IpAddr = host.parse().ok()?;
    Some(match ip {
        IpAddr::V6(v6) => embedded(v6).map_or(ip, IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    })
}

/// The IPv4 address within an IPv6 one: mapped, compatible, or NAT64.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    let s = v6.segments();
    if s[..6] == NAT64 {
        let [.., high, low] = s;
        return Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    if v6.is_loopback() || v6.is_unspecified() {
        return None;
    }
    v6.to_ipv4()
}

fn is_localhost(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_end_matches('.');
        host == "localhost" || host.ends_with(".localhost")
    })
}

fn is_loopback(url: &Url) -> bool {
    is_localhost(url) || ip(url).is_some_and(|ip| ip.is_loopback())
}

/// Whether an address is one that only machines near us can reach. Names are
/// not looked up: a registry within a company has a private address by right.
fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    if is_localhost(url) || METADATA_NAMES.contains(&host.trim_end_matches('.')) {
        return true;
    }
    match ip(url) {
        Some(IpAddr::V4(v4)) => {
            let [a, b, c, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_multicast()
                || a == 0
                // Between a provider and its customers (RFC 6598).
                || (a == 100 && b & 0xc0 == 64)
                // For protocols, and for measuring networks (RFC 6890, 2544).
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && b & 0xfe == 18)
        }
        Some(IpAddr::V6(v6)) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn rules() -> Rules {
        let set = |hosts: &[&str]| hosts.iter().map(|h| (*h).to_owned()).collect();
        Rules::new(
            &set(&["plain.example", "10.1.1.1:5000"]),
            &[("r.example".to_owned(), set(&["10.0.0.9", "auth.example"]))].into(),
            &BTreeMap::new(),
        )
    }

    #[test]
    fn only_loopback_and_named_hosts_are_plain() {
        let bases = |r: &str| {
            let bases = rules().bases(r);
            bases.iter().map(Url::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(bases("docker.io"), "https://registry-1.docker.io/");
        assert_eq!(bases("r.example:5000"), "https://r.example:5000/");
        assert_eq!(bases("plain.example:80"), "http://plain.example/");
        assert_eq!(bases("10.1.1.1:5000"), "http://10.1.1.1:5000/");
        assert_eq!(bases("10.1.1.1:5001"), "https://10.1.1.1:5001/");
        assert_eq!(
            bases("127.0.0.1:5000"),
            "http://127.0.0.1:5000/ https://127.0.0.1:5000/"
        );
        assert_eq!(
            bases("localhost:5000"),
            "http://localhost:5000/ https://localhost:5000/"
        );
        assert_eq!(
            bases("[::1]:5000"),
            "http://[::1]:5000/ https://[::1]:5000/"
        );
        assert_eq!(bases("127.0.0.1.example"), "https://127.0.0.1.example/");
    }

    #[test]
    fn realms() {
        use AddressFault::{Foreign, Form, PlainHttp, Private};
        let base = url("https://r.example/");
        let ask = |realm: &str, login| rules().realm("r.example", &base, realm, login).err();
        for (realm, anonymous, with_login) in [
            ("https://r.example/token", None, None),
            ("https://r.example:444/token", None, Some(Foreign)),
            ("https://auth.example/t?x=1", None, None),
            ("https://other.example/t", None, Some(Foreign)),
            ("https://10.0.0.9/t", None, None),
            ("http://r.example/token", Some(PlainHttp), Some(PlainHttp)),
            ("http://127.0.0.1/token", Some(PlainHttp), Some(PlainHttp)),
            (
                "http://plain.example/token",
                Some(PlainHttp),
                Some(PlainHttp),
            ),
            ("file:///etc/passwd", Some(Form), Some(Form)),
            ("https://u:p@r.example/", Some(Form), Some(Form)),
            ("/token", Some(Form), Some(Form)),
            ("https://127.0.0.1/", Some(Private), Some(Private)),
            ("https://2130706433/", Some(Private), Some(Private)),
            ("https://0x7f.1/", Some(Private), Some(Private)),
            ("https://169.254.169.254/", Some(Private), Some(Private)),
            ("https://192.168.1.1/", Some(Private), Some(Private)),
            ("https://100.64.0.1/", Some(Private), Some(Private)),
            ("https://[::1]/", Some(Private), Some(Private)),
            ("https://[fe80::1]/", Some(Private), Some(Private)),
            ("https://[::ffff:10.0.0.1]/", Some(Private), Some(Private)),
            ("https://[64:ff9b::a00:1]/", Some(Private), Some(Private)),
            ("https://localhost./", Some(Private), Some(Private)),
            (
                "https://METADATA.google.internal/",
                Some(Private),
                Some(Private),
            ),
        ] {
            assert_eq!(ask(realm, false), anonymous, "{realm} without a login");
            assert_eq!(ask(realm, true), with_login, "{realm} with a login");
        }
    }

    #[test]
    fn docker_hubs_realm_is_known() {
        let base = url("https://registry-1.docker.io/");
        let realm = "https://auth.docker.io/token";
        assert!(rules().realm("docker.io", &base, realm, true).is_ok());
        assert!(rules().realm("quay.io", &base, realm, true).is_err());
    }

    #[test]
    fn a_private_registry_may_name_itself_only() {
        let base = url("http://127.0.0.1:5000/");
        let ask = |realm: &str| rules().realm("127.0.0.1:5000", &base, realm, true).err();
        assert_eq!(ask("http://127.0.0.1:5000/auth"), None);
        assert_eq!(
            ask("http://127.0.0.1:5001/auth"),
            Some(AddressFault::Private)
        );
    }

    #[test]
    fn redirects() {
        let from = url("https://r.example/v2/a/manifests/1");
        let to = |location: &str| rules().redirect(&from, location);
        assert_eq!(to("/v2/b").unwrap().as_str(), "https://r.example/v2/b");
        assert!(to("//cdn.example/x").is_ok());
        assert_eq!(to("http://cdn.example/x"), Err(AddressFault::PlainHttp));
        assert_eq!(to("https://169.254.169.254/x"), Err(AddressFault::Private));
        assert_eq!(to("https://u@cdn.example/x"), Err(AddressFault::Form));
    }

    #[test]
    fn mirrors() {
        let mirror = "m.example:8443/hub/x".parse::<Mirror>().unwrap();
        assert_eq!(mirror.host, "m.example:8443");
        assert_eq!(mirror.prefix.as_deref(), Some("hub/x"));
        for bad in [
            "",
            "/",
            "m.example/",
            "https://m",
            "u@m.example",
            "m.example/A",
            "m.example/a:1",
        ] {
            assert!(bad.parse::<Mirror>().is_err(), "{bad}");
        }
    }
}
