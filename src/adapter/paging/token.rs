//! An opaque token leads to the next page. What ends the walk is declared; a word that says "more" never brings a missing
//! token back.

use super::sent;
use crate::adapter::faults::malformed;
use crate::adapter::manifest::{EndSign, TokenStyle};
use crate::adapter::pick::Leaf;
use crate::adapter::request::{Draft, Unplaceable};
use crate::source::{Position, SourceError};

/// What stands before the text of a token where tokens that lead back are sent to a place of their own.
const BACK: &str = "<";
/// The same for tokens that lead forward.
const FORWARD: &str = ">";

/// Asks for the page a token leads to.
pub fn place(style: &TokenStyle, at: &Position, draft: &mut Draft<'_>) -> Result<(), Unplaceable> {
    let value = |token: &str| sent(token, style.numbers);
    match at {
        Position::Start => Ok(()),
        Position::Token(token) => match &style.send_prev {
            None => draft.put(&style.send, value(token)?),
            Some(to) => match (token.strip_prefix(BACK), token.strip_prefix(FORWARD)) {
                (Some(back), _) => draft.put(to, value(back)?),
                (_, Some(forward)) => draft.put(&style.send, value(forward)?),
                _ => Err(Unplaceable),
            },
        },
        _ => Err(Unplaceable),
    }
}

/// The position of the next page; `None` where the walk ends.
pub fn next(
    style: &TokenStyle,
    leaf: Leaf<'_>,
    more: Option<bool>,
) -> Result<Option<Position>, SourceError> {
    if more == Some(false) {
        return Ok(None);
    }
    led(style, FORWARD, leaf)
}

/// The position of the page before.
pub fn prev(style: &TokenStyle, leaf: Leaf<'_>) -> Result<Option<Position>, SourceError> {
    led(style, BACK, leaf)
}

/// Where a token leads. What is neither a token nor one of the declared ends says nothing, and an end is never guessed.
fn led(style: &TokenStyle, mark: &str, leaf: Leaf<'_>) -> Result<Option<Position>, SourceError> {
    if ends(style, &leaf) {
        return Ok(None);
    }
    let token = text(leaf).ok_or(malformed(
        "the CRM leads on with what is neither a token nor an end",
    ))?;
    Ok(Some(Position::Token(marked(style, mark, token).into())))
}

fn marked(style: &TokenStyle, mark: &str, token: Box<str>) -> Box<str> {
    match style.send_prev {
        Some(_) => format!("{mark}{token}").into(),
        None => token,
    }
}

fn ends(style: &TokenStyle, leaf: &Leaf<'_>) -> bool {
    let sign = match leaf {
        Leaf::Absent | Leaf::Misplaced => EndSign::Absent,
        Leaf::Null => EndSign::Null,
        Leaf::Bool(false) => EndSign::False,
        Leaf::Int(0) => EndSign::Zero,
        Leaf::Int(-1) => EndSign::MinusOne,
        Leaf::Text(text) if text.is_empty() => EndSign::Empty,
        Leaf::Text(text) if text == "0" => EndSign::Zero,
        Leaf::Text(text) if text == "-1" => EndSign::MinusOne,
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
