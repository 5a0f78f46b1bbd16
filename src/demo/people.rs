//! The people in the emulated CRMs: the same ones on every start, with the names that real customer lists hold.
//!
//! Each CRM has its own people, and every tenth is one of a few whom all four CRMs have, under the same e-mail
//! address and phone number. What a CRM knows of a person, and how it prints it, is in `seeds`.

use jiff::Timestamp;

/// First name, last name, how both are written in an address, and gender where it is known.
type Name = (&'static str, &'static str, &'static str, &'static str);

const NAMES: &[Name] = &[
    ("John", "Doe", "john.doe", "M"),
    ("José", "García", "jose.garcia", "M"),
    ("Łukasz", "Wójcik", "lukasz.wojcik", "M"),
    ("小龙", "李", "li.xiaolong", "M"),
    ("Ingrid", "Ødegård", "ingrid.odegard", "F"),
    ("Zoë", "Müller", "zoe.muller", "F"),
    ("Владимир", "Петров", "vladimir.petrov", "M"),
    ("عائشة", "الحسن", "aisha.alhasan", "F"),
    ("Siobhán", "O’Brien", "siobhan.obrien", "F"),
    ("Anaïs", "Lefèvre-d'Arcy", "anais.lefevre", "F"),
    ("Ümit", "Yılmaz", "umit.yilmaz", "X"),
    ("Thị Hoa", "Nguyễn", "hoa.nguyen", "F"),
    ("민준", "김", "minjun.kim", "M"),
    // The ë is an e and a combining mark: equal to the eye, not to a comparison.
    ("Zoe\u{308}", "Schmidt", "zoe.schmidt", "F"),
    ("Mary Jane", "Smith", "mary.smith", "F"),
    ("Robert", "Smith", "robert.smith", "M"),
    ("Alex", "Smith", "alex.smith", ""),
    ("Müjde", "Smith", "mujde.smith", "F"),
    ("Giulia", "D'Angelo", "giulia.dangelo", "F"),
    ("Björk", "Guðmundsdóttir", "bjork.g", "F"),
    ("Ngozi", "Adébáyọ̀", "ngozi.adebayo", "F"),
    ("さくら", "田中", "sakura.tanaka", "F"),
    ("Ioannis", "Παπαδόπουλος", "ioannis.p", "M"),
    ("Chris", "null", "chris.null", "X"),
];

/// Where someone lives.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// The country's calling code, digits only.
    pub(super) calling: &'static str,
    /// The country's two letters.
    pub(super) iso: &'static str,
    pub(super) country: &'static str,
    pub(super) city: &'static str,
}

const fn place(
    calling: &'static str,
    iso: &'static str,
    country: &'static str,
    city: &'static str,
) -> Place {
    Place {
        calling,
        iso,
        country,
        city,
    }
}

/// The places; what a vendor calls a country's id is its position here, from 1.
pub(super) const PLACES: &[Place] = &[
    place("49", "DE", "Germany", "Köln"),
    place("90", "TR", "Türkiye", "İstanbul"),
    place("45", "DK", "Denmark", "København"),
    place("1", "US", "United States", "Springfield"),
    place("44", "GB", "United Kingdom", "Llanfairpwllgwyngyll"),
    place("972", "IL", "Israel", "Tel Aviv"),
    place("48", "PL", "Poland", "Łódź"),
    place("81", "JP", "Japan", "東京"),
];

const COMPANIES: &[&str] = &[
    "Acme Corp",
    "Ødegård & Sønner AS",
    "Müller GmbH",
    "北京贸易有限公司",
    "Smith, Smith & Daughters",
    "Café «Чайка»",
    "Null Island Logistics",
];

const JOBS: &[&str] = &[
    "Buyer",
    "Head of Fleet",
    "Geschäftsführerin",
    "CEO",
    "エンジニア",
];

/// The moment of the oldest customer, 2022-01-03T08:00:00Z.
const OLDEST: i64 = 1_641_196_800;
/// A moment at which a whole lot of customers was changed at once, 2024-12-01T00:00:00Z.
const MIGRATED: i64 = 1_733_011_200;
const HOUR: i64 = 3_600;

/// A stream of numbers that is the same on every start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(stream: &str, number: usize) -> Self {
        let seed = stream.bytes().fold(number as u64 + 1, |seed, byte| {
            seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
        });
        Self(seed)
    }

    /// The next number (SplitMix64).
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    pub(super) fn pick<T: Copy + Default>(&mut self, table: &[T]) -> T {
        let place = usize::try_from(self.below(table.len() as u64));
        let found = place.ok().and_then(|place| table.get(place));
        found.copied().unwrap_or_default()
    }
}

/// Someone, as a CRM could know them.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// Whether all four CRMs have this person.
    pub(super) shared: bool,
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    /// `F`, `M`, `X` or nothing.
    pub(super) gender: &'static str,
    pub(super) email: String,
    pub(super) place: Place,
    /// The phone number without the calling code.
    pub(super) local: String,
    pub(super) company: &'static str,
    pub(super) job: &'static str,
    /// The date of birth, where it is known.
    pub(super) born: Option<String>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    /// For what a CRM knows beyond this.
    pub(super) dice: Dice,
}

impl Person {
    /// The phone number with a plus and the calling code.
    pub(super) fn phone(&self) -> String {
        format!("+{}{}", self.place.calling, self.local)
    }

    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// The person in a CRM's row, counted from 0. `digit` sets the CRM's own phone numbers apart.
pub(super) fn person(crm: &'static str, digit: u8, row: usize) -> Person {
    let shared = row % 10 == 3;
    let (stream, number) = if shared {
        ("shared", row / 10)
    } else {
        (crm, row)
    };
    let mut dice = Dice::new(stream, number);
    let (first, last, slug, gender) = dice.pick(NAMES);
    let host = if shared { "people" } else { crm };
    let digit = if shared { 9 } else { digit };
    let born = (dice.below(6) != 0).then(|| {
        let (year, month) = (1940 + dice.below(66), 1 + dice.below(12));
        format!("{year}-{month:02}-{:02}", 1 + dice.below(28))
    });
    let (created, updated) = moments(row, &mut dice);
    Person {
        shared,
        first,
        last,
        gender,
        email: format!("{slug}.{number}@{host}.example"),
        place: dice.pick(PLACES),
        local: format!("{digit}{:07}", 1_000_000 + number),
        company: dice.pick(COMPANIES),
        job: dice.pick(JOBS),
        born,
        created,
        updated,
        dice,
    }
}

/// When a row was made and last changed. Three neighbours are made at once, and every seventh was changed at once.
fn moments(row: usize, dice: &mut Dice) -> (Timestamp, Timestamp) {
    let group = i64::try_from(row / 3).unwrap_or_default();
    let created = OLDEST + (group * 7 * HOUR) % (1000 * 24 * HOUR);
    let later = i64::try_from(dice.below(200 * 24)).unwrap_or_default();
    let updated = match row {
        row if row % 7 == 2 => MIGRATED.max(created),
        row if row % 4 == 0 => created,
        _ => created + later * HOUR,
    };
    (at(created), at(updated))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_people_come_on_every_start_and_some_are_everywhere() {
        let one = person("gormic", 2, 17);
        let again = person("gormic", 2, 17);
        assert_eq!(format!("{one:?}"), format!("{again:?}"));
        let (here, there) = (person("gormic", 2, 43), person("spirii", 4, 43));
        assert!(here.shared);
        assert_eq!(
            (here.phone(), here.email),
            (there.phone(), there.email.clone())
        );
        assert_ne!(person("spirii", 4, 44).email, there.email);
    }

    #[test]
    fn nobody_was_changed_before_being_made() {
        for row in 0..5_000 {
            let person = person("gtateth", 1, row);
            assert!(person.created <= person.updated, "row {row}");
        }
    }
}
