//! An opaque token leads to the next page. What ends the walk is declared; a word that says "more" never brings a missing
//! token back.

use crate::adapter::manifest::{EndSign, TokenStyle};
use crate::adapter::pick::Leaf;
use crate::adapter::request::{Draft, Unplaceable};
use crate::source::Position;
use serde_json::Value;

/// What stands before the text of a token that leads back, when it is sent to a place of its own.
const BACK: &str = "<";

/// Asks for the page a token leads to.
pub fn place(style: &TokenStyle, at: &Position, draft: &mut Draft<'_>) -> Result<(), Unplaceable> {
    match at {
        Position::Start => Ok(()),
        Position::Token(token) => match (style.send_prev.as_ref(), token.strip_prefix(BACK)) {
            (Some(to), Some(back)) => draft.put(to, Value::from(back)),
            _ => draft.put(&style.send, Value::from(&**token)),
        },
        _ => Err(Unplaceable),
    }
}

/// The position of the next page; `None` where the walk ends.
pub fn next(style: &TokenStyle, leaf: Leaf<'_>, more: Option<bool>) -> Option<Position> {
    if more == Some(false) || ends(style, &leaf) {
        return None;
    }
    text(leaf).map(Position::Token)
}

/// The position of the page before.
pub fn prev(style: &TokenStyle, leaf: Leaf<'_>) -> Option<Position> {
    if ends(style, &leaf) {
        return None;
    }
    let token = text(leaf)?;
    let marked = if style.send_prev.is_some() {
        format!("{BACK}{token}").into()
    } else {
        token
    };
    Some(Position::Token(marked))
}

fn ends(style: &TokenStyle, leaf: &Leaf<'_>) -> bool {
    let sign = match leaf {
        Leaf::Absent => EndSign::Absent,
        Leaf::Null => EndSign::Null,
        Leaf::Bool(false) => EndSign::False,
        Leaf::Int(0) => EndSign::Zero,
        Leaf::Text(text) if text.is_empty() => EndSign::Empty,
        Leaf::Text(text) if text == "0" => EndSign::Zero,
        Leaf::Text(text) if text == "false" => EndSign::False,
        _ => return false,
    };
    style.end.contains(&sign) || matches!(sign, EndSign::Absent | EndSign::Null)
}

fn text(leaf: Leaf<'_>) -> Option<Box<str>> {
    match leaf {
        Leaf::Text(text) => Some(text.into()),
        Leaf::Int(number) => Some(number.to_string().into()),
        Leaf::Uint(number) => Some(number.to_string().into()),
        _ => None,
    }
}
