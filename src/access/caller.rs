//! Who is asking: a tenant, and what they may do. Plain values; how somebody proves who they are stands elsewhere.

/// One thing a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Read customers.
    ReadCustomers,
    /// Create, change and delete customers.
    WriteCustomers,
    /// Read what the common model does not show of a customer: the CRM's own record and fields, and identity numbers.
    ReadNative,
    /// Read the gateway's figures, which are those of all tenants. A token's own claims never give it.
    ReadMetrics,
}

impl Scope {
    /// Every scope with its word in configurations and tokens.
    pub const ALL: [(&'static str, Self); 4] = [
        ("read:customers", Self::ReadCustomers),
        ("write:customers", Self::WriteCustomers),
        ("read:native", Self::ReadNative),
        ("read:metrics", Self::ReadMetrics),
    ];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadCustomers => "read:customers",
            Self::WriteCustomers => "write:customers",
            Self::ReadNative => "read:native",
            Self::ReadMetrics => "read:metrics",
        }
    }
}

/// Everything a caller may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    read_customers: bool,
    write_customers: bool,
    read_native: bool,
    read_metrics: bool,
}

impl Scopes {
    /// All of them.
    pub const ALL: Self = Self {
        read_customers: true,
        write_customers: true,
        read_native: true,
        read_metrics: true,
    };

    /// Whether this one is among them.
    pub const fn has(self, scope: Scope) -> bool {
        match scope {
            Scope::ReadCustomers => self.read_customers,
            Scope::WriteCustomers => self.write_customers,
            Scope::ReadNative => self.read_native,
            Scope::ReadMetrics => self.read_metrics,
        }
    }

    /// The scopes among these words of a token. Words that mean nothing here are left out: a token may hold scopes of other
    /// services. So is the one for figures: whoever issues tokens for one tenant must not open those of all.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        words
            .into_iter()
            .filter_map(|word| Scope::ALL.iter().find(|(known, _)| *known == word))
            .map(|(_, scope)| *scope)
            .filter(|scope| *scope != Scope::ReadMetrics)
            .collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut all = Self::default();
        for scope in scopes {
            match scope {
                Scope::ReadCustomers => all.read_customers = true,
                Scope::WriteCustomers => all.write_customers = true,
                Scope::ReadNative => all.read_native = true,
                Scope::ReadMetrics => all.read_metrics = true,
            }
        }
        all
    }
}

/// Somebody who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose sources they see. The empty name is the tenant of sources that name none.
    pub tenant: Box<str>,
    /// What they may do.
    pub scopes: Scopes,
    /// What the configuration calls their key, where they came with one. For the log; nothing depends on it.
    pub key: Option<Box<str>>,
}

impl Caller {
    /// Whoever reaches a gateway that tells nobody apart: the tenant without a name, and every scope.
    pub fn anybody() -> Self {
        Self {
            tenant: "".into(),
            scopes: Scopes::ALL,
            key: None,
        }
    }

    /// Whether they may do this.
    pub const fn may(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_are_scopes() {
        let scopes = Scopes::of_words(["openid", "read:native", "READ:CUSTOMERS", "read:customer"]);
        for (word, scope) in Scope::ALL {
            assert_eq!(scopes.has(scope), word == "read:native", "{word}");
            assert_eq!(scope.word(), word);
        }
        let told = Scopes::of_words(Scope::ALL.map(|(word, _)| word));
        for (word, scope) in Scope::ALL {
            assert_eq!(told.has(scope), scope != Scope::ReadMetrics, "{word}");
        }
    }
}
