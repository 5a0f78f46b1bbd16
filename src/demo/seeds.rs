//! The seeded customers, each vendor's in the vendor's shape, and the oddities that real data has.
//!
//! Most rows are what the pages describe. Some, at fixed places and never among the people whom all CRMs have, lack
//! keys, hold nulls, words that no page lists, or very long texts. It must not know routes or rules.

use serde_json::{Value, json};

use super::clock;
use super::people::{Dice, PLACES, Person, person};
use super::reply::Row;

/// The tenant that the G-Tateth key belongs to.
const TENANT: &str = "507f191e810c19729de860ea";
const TAGS: &[&str] = &[
    "vip",
    "enterprise",
    "newsletter",
    "beta",
    "Ümlaut & Söhne",
    "a,b",
];

/// A 24-digit hexadecimal id for the row of that number.
pub(super) fn hex_id(number: u64) -> String {
    let stream = Dice::new("gtateth id", 0).roll() >> 24;
    format!("{:08x}{stream:010x}{number:06x}", 0x6500_0000 + number)
}

fn object(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

/// A G-Tateth customer of whom nothing is known yet.
pub(super) fn gtateth_blank(id: &str, now: &str) -> Row {
    object(json!({
        "_id": id,
        "tenantId": TENANT,
        "profile": {},
        "tier": "standard",
        "status": "active",
        "tags": [],
        "customFields": {},
        "createdAt": now,
        "updatedAt": now,
    }))
}

/// The G-Tateth customer of a row.
pub(super) fn gtateth(id: &str, row: usize) -> Row {
    let mut one = person("gtateth", 1, row);
    let tier = ["bronze", "silver", "gold", "platinum", "standard"];
    let status = ["active", "active", "active", "inactive", "archived"];
    let tags: Vec<&str> = TAGS
        .iter()
        .copied()
        .filter(|_| one.dice.below(3) == 0)
        .collect();
    let seats = one.dice.below(90);
    let mut customer = gtateth_blank(id, &clock::seconds(one.created));
    let filled = json!({
        "profile": {
            "firstName": one.first,
            "lastName": one.last,
            "email": one.email,
            "phone": one.phone(),
            "company": one.company,
            "jobTitle": one.job,
        },
        "tier": one.dice.pick(&tier),
        "status": one.dice.pick(&status),
        "tags": tags,
        "customFields": {"plan": "pro", "seats": seats, "nested": {"note": "ελληνικά", "none": null}},
        "updatedAt": clock::seconds(one.updated),
    });
    customer.extend(object(filled));
    if !one.shared {
        gtateth_odd(&mut customer, row);
    }
    customer
}

fn gtateth_odd(customer: &mut Row, row: usize) {
    if let Some(Value::Object(profile)) = customer.get_mut("profile") {
        match row % 29 {
            4 => drop(profile.insert("lastName".to_owned(), Value::Null)),
            9 => drop(profile.shift_remove("email")),
            14 => drop(profile.insert("email".to_owned(), Value::Null)),
            19 => drop(profile.insert("company".to_owned(), json!("Long & Sons ".repeat(40)))),
            24 => drop(profile.shift_remove("jobTitle")),
            _ => {}
        }
    }
    match row % 47 {
        11 => set(customer, "tier", json!("diamond")),
        22 => set(customer, "status", json!("frozen")),
        31 => drop(customer.shift_remove("tags")),
        36 => drop(customer.shift_remove("customFields")),
        41 => set(customer, "tags", Value::Null),
        _ => {}
    }
}

fn set(row: &mut Row, name: &str, value: Value) {
    row.insert(name.to_owned(), value);
}

/// A Gormic id for the row of that number.
pub(super) fn gormic_id(number: u64) -> String {
    let number = usize::try_from(number).unwrap_or_default();
    format!("{:016x}", Dice::new("gormic id", number).roll())
}

/// A Gormic customer of whom nothing is known but where the phone is.
pub(super) fn gormic_blank(id: &str, number: u64, country: &str, now: &str) -> Row {
    object(json!({
        "firstName": "", "lastName": null, "phone": "", "phoneCountry": country, "phoneCountryCalling": "",
        "number": format!("C-{number:06}"), "cityId": null, "birthDate": null, "unsubscribed": null,
        "internalNote": null, "archivedAt": null, "archivedBy": null, "archivedVia": null,
        "createdAt": now, "createdVia": "api", "createdBy": "usr_api",
        "updatedAt": now, "updatedVia": "api", "updatedBy": "usr_api", "id": id,
    }))
}

/// The Gormic customer of a row.
pub(super) fn gormic(id: &str, row: usize) -> Row {
    let mut one = person("gormic", 2, row);
    let gender = match one.gender {
        "F" | "M" => json!(one.gender),
        _ => Value::Null,
    };
    let via = ["web", "api", "pos", "import"];
    let subscribed = [json!(false), json!(true), Value::Null];
    let place = usize::try_from(one.dice.below(3)).unwrap_or_default();
    let mut customer = object(json!({
        "firstName": one.first,
        "lastName": one.last,
        "email": one.email,
        "phone": one.local,
        "phoneCountry": one.place.iso,
        "phoneCountryCalling": one.place.calling,
        "number": format!("C-{:06}", row + 1),
        "cityId": format!("city_{}", one.place.iso.to_lowercase()),
        "birthDate": one.born,
        "gender": gender,
        "unsubscribed": subscribed.get(place),
        "internalNote": null,
        "archivedAt": null,
        "archivedBy": null,
        "archivedVia": null,
        "createdAt": clock::millis(one.created),
        "createdVia": one.dice.pick(&via),
        "createdBy": "usr_system",
        "updatedAt": clock::millis(one.updated),
        "updatedVia": one.dice.pick(&via),
        "updatedBy": "usr_anna",
        "id": id,
    }));
    if !one.shared {
        gormic_odd(&mut customer, row, &one);
    }
    customer
}

fn gormic_odd(customer: &mut Row, row: usize, one: &Person) {
    match row % 31 {
        1 => set(
            customer,
            "internalNote",
            json!("Prefers calls after 6 pm 🎉👩‍👩‍👧‍👦"),
        ),
        5 => set(customer, "gender", json!({"code": "X"})),
        6 => set(customer, "gender", json!(1)),
        7 => drop(customer.shift_remove("gender")),
        8 => set(customer, "gender", json!({})),
        12 => drop(customer.shift_remove("email")),
        15 => set(customer, "lastName", Value::Null),
        18 => set(
            customer,
            "internalNote",
            json!("A long story, told twice. ".repeat(160)),
        ),
        21 => {
            for name in [
                "createdAt",
                "createdVia",
                "createdBy",
                "updatedVia",
                "updatedBy",
            ] {
                customer.shift_remove(name);
            }
        }
        26 => {
            set(customer, "archivedAt", json!(clock::millis(one.updated)));
            set(customer, "archivedBy", json!("usr_bob"));
            set(customer, "archivedVia", json!("web"));
        }
        _ => {}
    }
}

/// Flextell's users, whom customers can be assigned to.
pub(super) const USERS: &[(i64, &str)] =
    &[(11, "Ayşe Demir"), (12, "Bob"), (13, "Łucja Żak"), (14, "")];

/// A Flextell customer of whom nothing is known.
pub(super) fn flextell_blank(id: i64, now: &str) -> Row {
    object(json!({
        "id": id, "first_name": null, "last_name": null, "phone_number": null, "email": null,
        "date_of_birth": null, "gender": null, "country_name": null, "identity_number": null, "job": null,
        "address": null, "default_channel_id": null, "avatar_url": null, "related_user": null,
        "created_at": now, "updated_at": now, "deleted_at": null,
    }))
}

/// The Flextell customer of a row; a trashed one is in addition to the others.
pub(super) fn flextell(id: i64, row: usize, trashed: bool) -> Row {
    let mut one = person("flextell", 3, row);
    let user = one.dice.pick(USERS);
    let channel = 1 + one.dice.below(3);
    let gender = match one.gender {
        "F" => json!("female"),
        "M" => json!("male"),
        "X" => json!("other"),
        _ => Value::Null,
    };
    let email = if trashed {
        format!("trashed.{}", one.email)
    } else {
        one.email.clone()
    };
    let mut customer = object(json!({
        "id": id,
        "first_name": one.first,
        "last_name": one.last,
        "phone_number": one.phone(),
        "email": email,
        "date_of_birth": one.born.as_ref().map(|day| format!("{day}T00:00:00Z")),
        "gender": gender,
        "country_name": one.place.country,
        "identity_number": format!("{:011}", one.dice.below(99_999_999_999)),
        "job": one.job,
        "address": format!("{}, {}", one.company, one.place.city),
        "default_channel_id": channel,
        "avatar_url": format!("https://cdn.example/avatars/{id}.png"),
        "related_user": {"id": user.0, "name": user.1},
        "created_at": clock::seconds(one.created),
        "updated_at": clock::seconds(one.updated),
        "deleted_at": trashed.then(|| clock::seconds(one.updated)),
    }));
    if !one.shared {
        flextell_odd(&mut customer, row);
    }
    customer
}

fn flextell_odd(customer: &mut Row, row: usize) {
    match row % 37 {
        2 => set(customer, "related_user", Value::Null),
        6 => set(customer, "email", Value::Null),
        9 => drop(customer.shift_remove("avatar_url")),
        12 => set(customer, "gender", json!("nonbinary")),
        17 => set(customer, "address", json!("Uzun Sokak 1, ".repeat(71))),
        22 => set(customer, "first_name", Value::Null),
        27 => set(customer, "last_name", json!("")),
        32 => drop(customer.shift_remove("related_user")),
        _ => {}
    }
}

/// Flextell's countries: a `country_id` is a place in the list, from 1.
pub(super) fn country_name(id: i64) -> Option<&'static str> {
    let place = usize::try_from(id.checked_sub(1)?).ok()?;
    PLACES.get(place).map(|place| place.country)
}

/// The fields of the Spirii customer of a row that do not say where it stands in the tree.
pub(super) fn spirii(id: i64, row: usize, kind: &str) -> Row {
    let one = person("spirii", 4, row);
    let name = match kind {
        "Private" => one.full_name(),
        _ => format!("{} {row}", one.company),
    };
    let iban = format!("DK50004004401162{:02}", row % 100);
    let mut customer = object(json!({
        "id": id,
        "name": name,
        "country": one.place.iso,
        "externalId": format!("EXT-{row:05}"),
        "type": kind,
        "contactDetails": {"name": one.full_name(), "email": one.email, "phone": one.phone()},
        "billingDetails": {
            "paymentMethod": "invoice",
            "invoiceFormat": "pdf",
            "gln": "5790000000000",
            "invoiceEmail": one.email,
            "vatNumber": "DK12345678",
            "address": "Ryesgade 3F",
            "city": one.place.city,
            "zipCode": "2200",
        },
        "payoutInformation": {
            "iban": iban,
            "swiftCode": "DABADKKK",
            "bankAccountHolderName": one.full_name(),
            "bankRegistrationNumber": "0040",
            "bankAccount": "0440116243",
        },
        "financialSetup": {"language": "da", "currency": "DKK"},
        "billingSettings": {
            "chargeKeyDocumentAggregation": "perCustomer",
            "chargeKeyLineAggregation": "perChargeKey",
            "companyCarReimbursementMethod": "none",
        },
        "locations": [],
        "createdAt": clock::millis(one.created),
        "updatedAt": clock::millis(one.updated),
    }));
    if !one.shared {
        spirii_odd(&mut customer, row);
    }
    customer
}

fn spirii_odd(customer: &mut Row, row: usize) {
    match row % 41 {
        5 => set(customer, "externalId", Value::Null),
        9 => drop(customer.shift_remove("payoutInformation")),
        12 => set(customer, "locations", json!([row, row + 1])),
        16 => set(customer, "contactDetails", Value::Null),
        21 => set(
            customer,
            "name",
            json!("ladestander-".repeat(6) + "80 tegn!"),
        ),
        26 => set(customer, "type", json!("Fleet")),
        30 => drop(customer.shift_remove("externalId")),
        34 => drop(customer.shift_remove("locations")),
        38 => drop(customer.shift_remove("billingDetails")),
        _ => {}
    }
}
