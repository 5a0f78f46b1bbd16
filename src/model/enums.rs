//! The closed word lists of the common model. Each has UNKNOWN for what a CRM says and we do not know.

use async_graphql::Enum;

/// Declares a GraphQL enum whose last word is UNKNOWN, with its canonical words as text for adapter files.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// The CRM said something this list does not know. Never accepted in an input.
            Unknown,
        }

        impl $name {
            /// Every word a filter or an input may use, in the order of the schema; UNKNOWN is not among them.
            pub const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The canonical word, as in the schema and in adapter files.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Unknown => "UNKNOWN",
                }
            }

            /// The value of a canonical word; `None` where there is no such word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// What kind of customer a record is.
    CustomerType {
        /// A private person.
        Private = "PRIVATE",
        /// A company.
        Business = "BUSINESS",
        /// An operator: the organization other customers are run by.
        Operator = "OPERATOR",
        /// A part of an operator.
        OperatorSubsidiary = "OPERATOR_SUBSIDIARY",
    }
}

words! {
    /// How a customer is ranked by the company.
    CustomerTier {
        /// No particular tier.
        Standard = "STANDARD",
        /// The lowest named tier.
        Bronze = "BRONZE",
        /// The tier above bronze.
        Silver = "SILVER",
        /// The tier above silver.
        Gold = "GOLD",
        /// The highest tier.
        Platinum = "PLATINUM",
    }
}

words! {
    /// Where a customer record is in its life.
    CustomerStatus {
        /// In use.
        Active = "ACTIVE",
        /// Kept, not in use.
        Inactive = "INACTIVE",
        /// Put away, still readable.
        Archived = "ARCHIVED",
        /// Deleted in the CRM, which still shows it.
        Deleted = "DELETED",
    }
}

words! {
    /// A person's gender as the CRM holds it.
    Gender {
        /// Female.
        Female = "FEMALE",
        /// Male.
        Male = "MALE",
        /// Neither of the two.
        Other = "OTHER",
    }
}
