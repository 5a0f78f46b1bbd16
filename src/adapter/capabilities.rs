//! What a source can do, derived from its file and declared nowhere else.

use super::manifest::{Field, Get, Manifest, Style, WireFormat, WireType};
use super::mapping;
use super::pick::Leaf;
use crate::model::{
    Capabilities, CustomerOrderField, FilterCapability, OrderCapability, PagingStyle, WriteField,
};
use crate::source::TotalKind;

/// Derives the capabilities of the main list route and of the other routes.
pub fn derive(manifest: &Manifest) -> Capabilities {
    let main = manifest.lists.first();
    let paging = main.map_or(PagingStyle::None, |list| match &list.page.style {
        Style::Page { .. } => PagingStyle::Page,
        Style::Offset { .. } => PagingStyle::Offset,
        Style::Token(_) => PagingStyle::Token,
        Style::Link { .. } => PagingStyle::Link,
        Style::Keyset { .. } => PagingStyle::Keyset,
        Style::None => PagingStyle::None,
    });
    let orderings = orderings(manifest);
    Capabilities {
        list: main.is_some(),
        get: manifest.get.is_some() || manifest.get_many.is_some(),
        create: manifest.create.is_some(),
        update: manifest.update.is_some(),
        delete: manifest.delete.is_some(),
        batch_size: manifest
            .get_many
            .as_ref()
            .and_then(|many| i32::try_from(manifest.batch_size(many)).ok()),
        paging,
        max_page_size: main
            .and_then(|list| list.page.sizes)
            .and_then(|(_, max)| i32::try_from(max).ok()),
        total_count: main.is_some_and(|list| {
            let exact = super::manifest::TotalSaid::Kind(TotalKind::Exact);
            list.page.total.is_some()
                && (list.page.total_kind == exact
                    || list.page.total_kind == super::manifest::TotalSaid::PageOrAll)
        }),
        stable_order: main.is_some_and(|list| {
            let sent = list
                .sort
                .as_ref()
                .and_then(|sort| sort.chosen(None).map(|order| sort.is_unique(order.field)));
            list.stable_order || sent == Some(true)
        }),
        backward_paging: backward(manifest, &orderings),
        filters: filters(manifest),
        orderings,
        creatable_fields: writable(manifest, true),
        required_fields: manifest
            .create
            .as_ref()
            .map(|route| {
                route
                    .requires
                    .iter()
                    .map(super::manifest::Needed::name)
                    .collect()
            })
            .unwrap_or_default(),
        updatable_fields: writable(manifest, false),
        native_fields: manifest.native.keys().cloned().collect(),
        readable_fields: readable(manifest),
        faithful_fields: faithful(manifest),
        assumptions: manifest.assumptions.clone(),
    }
}

fn backward(manifest: &Manifest, orderings: &[OrderCapability]) -> bool {
    let reversible = orderings.iter().any(|order| order.unique);
    manifest.lists.iter().any(|list| match &list.page.style {
        Style::Page { .. } | Style::Offset { .. } => list.page.total.is_some() || reversible,
        Style::Token(token) => token.prev.is_some() || reversible,
        Style::Link { prev, .. } => prev.is_some() || reversible,
        Style::Keyset { send_before, .. } => send_before.is_some() || reversible,
        Style::None => true,
    })
}

fn filters(manifest: &Manifest) -> Vec<FilterCapability> {
    let mut all: Vec<FilterCapability> = Vec::new();
    for (key, wire) in manifest.lists.iter().flat_map(|list| &list.filters) {
        let form = wire.format.as_ref().filter(|_| key.takes_moment());
        let coarse = form.is_some_and(|form| !form.grain().is_zero());
        let rechecked = coarse || wire.is_checked_again(*key);
        if !all.iter().any(|known| known.name == key.word()) {
            all.push(FilterCapability {
                name: key.word().to_owned(),
                rechecked,
            });
        }
    }
    all
}

fn orderings(manifest: &Manifest) -> Vec<OrderCapability> {
    let sorts: Vec<_> = manifest
        .lists
        .iter()
        .filter(|list| !list.needs_filter)
        .filter_map(|list| list.sort.as_ref())
        .collect();
    let fields = CustomerOrderField::ALL.iter().map(|(_, field)| *field);
    fields
        .filter(|field| sorts.iter().any(|sort| sort.serves(*field)))
        .map(|field| OrderCapability {
            field,
            unique: sorts
                .iter()
                .any(|sort| sort.serves(field) && sort.is_unique(field)),
        })
        .collect()
}

fn writable(manifest: &Manifest, create: bool) -> Vec<String> {
    if (if create {
        &manifest.create
    } else {
        &manifest.update
    })
    .is_none()
    {
        return Vec::new();
    }
    let carries = |name: &&WriteField| {
        let field = manifest.fields.get(name.name());
        field.is_some_and(|field| {
            field.write.is_some()
                && if create {
                    field.on_create
                } else {
                    field.on_update
                }
        })
    };
    WriteField::ALL
        .iter()
        .filter(carries)
        .map(|name| name.name().to_owned())
        .collect()
}

fn readable(manifest: &Manifest) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in mapping::READABLE.iter().filter(|name| {
        manifest
            .fields
            .get(**name)
            .is_some_and(|field| !field.read.is_empty())
    }) {
        let shown = mapping::schema_name(name).to_owned();
        if !names.contains(&shown) {
            names.push(shown);
        }
    }
    names
}

fn faithful(manifest: &Manifest) -> Vec<WriteField> {
    let is_faithful = |name: &WriteField| {
        let field = manifest.fields.get(name.name());
        field.is_some_and(|field| {
            is_read_as_written(field) && words_come_back(manifest, field).unwrap_or(true)
        })
    };
    let all = WriteField::ALL.iter().copied();
    all.filter(is_faithful).collect()
}

/// Whether what is read of a field is the value that was written, not another form of it or another place's.
fn is_read_as_written(field: &Field) -> bool {
    let ([read], Some(write)) = (&*field.read, &field.write) else {
        return false;
    };
    // Under another name may stand another thing: a country's name where its code is written.
    let is_its_name = read.steps().last() == write.steps().last();
    let is_its_form = match field.wire {
        Some(WireType::Float | WireType::NameFirst | WireType::NameLast) => false,
        // A moment may be of another day where the CRM is.
        Some(WireType::Date | WireType::DateTime) => {
            matches!(field.format, Some(WireFormat::Date))
        }
        _ => true,
    };
    let is_alone = field.each.steps().is_empty() && field.join.is_none();
    is_its_name && is_its_form && is_alone && field.shape.is_none() && field.present.is_none()
}

/// Whether each word that is written is read as the same again; `None` where there are no words.
fn words_come_back(manifest: &Manifest, field: &Field) -> Option<bool> {
    let list = |name: &Option<String>| manifest.enums.get(name.as_ref()?);
    let read = list(&field.words);
    let written = list(&field.write_words).or(read)?;
    Some(written.pairs.iter().all(|(ours, wire)| {
        let again = wire.first().and_then(|wire| match read {
            Some(words) => words.read(&Leaf::of(wire)),
            None => wire.as_str(),
        });
        again == Some(ours.as_str())
    }))
}

/// Whether one customer can be read by id, whatever way.
pub fn can_get(manifest: &Manifest) -> bool {
    matches!(manifest.get, Some(Get::Route { .. } | Get::ViaList)) || manifest.get_many.is_some()
}
