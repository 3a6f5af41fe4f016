//! What proves who we are to a registry.

use std::fmt;

/// A text that is never shown.
///
/// ```
/// let s = registry::login::Secret::new("hunter2");
/// assert_eq!(format!("{s:?}"), "Secret(…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One way to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A user and a password, for basic authentication or a token server.
    Password {
        /// Who.
        user: String,
        /// What proves it.
        password: Secret,
    },
    /// What `docker login` keeps of an identity provider: the token server
    /// takes it as a refresh token.
    Identity(Secret),
    /// A bearer token that the registry takes as it is.
    Token(Secret),
}

/// The user that marks a helper's secret as an identity token.
const IDENTITY_USER: &str = "<token>";

impl Login {
    /// What a credential helper's answer means.
    ///
    /// Source of the rule: docker's credential helper protocol.
    pub fn from_helper(user: &str, secret: Secret) -> Self {
        if user == IDENTITY_USER {
            Self::Identity(secret)
        } else {
            Self::Password {
                user: user.to_owned(),
                password: secret,
            }
        }
    }
}
