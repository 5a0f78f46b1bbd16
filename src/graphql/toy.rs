//! A small schema for tests of everything that does not care which schema it serves.

use super::gateway::Gateway;
use crate::limits::Limits;
use crate::source::Operation;
use async_graphql::{
    Context, EmptySubscription, Enum, Error, ErrorExtensions, ID, InputObject, InputValueError,
    InputValueResult, Interface, MaybeUndefined, Object, Scalar, ScalarType, Schema, SimpleObject,
    Value,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How often the toy's slow mutation ran to its end.
pub(crate) static SLOW_BUMPS: AtomicU32 = AtomicU32::new(0);

/// The toy gateway with the default ceilings.
pub(crate) fn gateway(limits: &Limits) -> Gateway {
    let schema = Schema::build(Query, Mutation, EmptySubscription);
    Gateway::new(schema, limits, |_, _, _, _| {}, |_| 0).unwrap()
}

#[derive(Clone, Copy, Enum, PartialEq, Eq)]
enum Color {
    Red,
    Green,
}

struct Even(i32);

#[Scalar]
impl ScalarType for Even {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::Number(number) => match number
                .as_i64()
                .and_then(|number| i32::try_from(number).ok())
            {
                Some(number) if number % 2 == 0 => Ok(Self(number)),
                _ => Err(InputValueError::custom("not even")),
            },
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

#[derive(InputObject)]
struct Paint {
    color: Color,
    coats: Option<i32>,
    note: MaybeUndefined<String>,
}

#[derive(SimpleObject, Clone)]
struct Dog {
    name: String,
    barks: bool,
}

#[derive(Interface, Clone)]
#[graphql(field(name = "name", ty = "&String"))]
enum Pet {
    Dog(Dog),
    Cat(Cat),
}

#[derive(SimpleObject, Clone)]
struct Cat {
    name: String,
    lives: i32,
}

struct Box2 {
    deep: u32,
}

#[Object(name = "Box")]
impl Box2 {
    async fn number(&self) -> u32 {
        self.deep
    }

    async fn sure(&self, fail: Option<bool>) -> Result<u32, Error> {
        failing(fail)
    }

    async fn maybe(&self, fail: Option<bool>) -> Result<Option<u32>, Error> {
        failing(fail).map(Some)
    }

    async fn inner(&self) -> Option<Box2> {
        Some(Box2 {
            deep: self.deep + 1,
        })
    }

    async fn certain_inner(&self) -> Box2 {
        Box2 {
            deep: self.deep + 1,
        }
    }

    async fn boxes(&self, count: i32) -> Vec<Box2> {
        (0..count.cast_unsigned())
            .map(|deep| Box2 { deep })
            .collect()
    }

    async fn maybe_boxes(&self, count: i32) -> Vec<Option<Box2>> {
        (0..count.cast_unsigned())
            .map(|deep| Some(Box2 { deep }))
            .collect()
    }
}

fn failing(fail: Option<bool>) -> Result<u32, Error> {
    if fail == Some(true) {
        Err(Error::new("cannot").extend_with(|_, extensions| extensions.set("code", "NOT_FOUND")))
    } else {
        Ok(7)
    }
}

fn never() -> Option<bool> {
    panic!("toy panic")
}

struct Query;

#[Object]
impl Query {
    async fn text(&self, value: Option<String>) -> String {
        value.unwrap_or_else(|| "nothing".to_owned())
    }

    async fn id(&self, value: ID) -> ID {
        value
    }

    async fn number(&self, value: i32) -> i32 {
        value
    }

    async fn sum(&self, values: Vec<i32>) -> i32 {
        values.iter().sum()
    }

    async fn defaulted(&self, #[graphql(default = 5)] value: i32) -> i32 {
        value
    }

    async fn paint(&self, paint: Paint) -> String {
        let color = if paint.color == Color::Red {
            "red"
        } else {
            "green"
        };
        let note = match paint.note {
            MaybeUndefined::Undefined => "none".to_owned(),
            MaybeUndefined::Null => "null".to_owned(),
            MaybeUndefined::Value(note) => note,
        };
        format!("{color}/{:?}/{note}", paint.coats)
    }

    #[graphql(name = "box")]
    async fn a_box(&self) -> Option<Box2> {
        Some(Box2 { deep: 0 })
    }

    async fn pet(&self, cat: Option<bool>) -> Pet {
        if cat == Some(true) {
            Pet::Cat(Cat {
                name: "Tom".to_owned(),
                lives: 9,
            })
        } else {
            Pet::Dog(Dog {
                name: "Rex".to_owned(),
                barks: true,
            })
        }
    }

    async fn slow(&self, ms: i32) -> bool {
        tokio::time::sleep(Duration::from_millis(u64::from(ms.cast_unsigned()))).await;
        true
    }

    async fn uncoded(&self) -> Result<Option<bool>, Error> {
        Err(Error::new("secret detail"))
    }

    async fn panics(&self) -> Option<bool> {
        never()
    }

    async fn many_errors(&self, count: i32) -> Vec<Option<Box2>> {
        (0..count.cast_unsigned())
            .map(|deep| Some(Box2 { deep }))
            .collect()
    }

    async fn even(&self, value: Even) -> i32 {
        value.0
    }

    async fn request_id(&self, context: &Context<'_>) -> Result<String, Error> {
        Ok(context.data::<Arc<Operation>>()?.request_id.to_string())
    }

    async fn fresh(&self, context: &Context<'_>) -> Result<bool, Error> {
        Ok(context.data::<Arc<Operation>>()?.max_age.is_some())
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn bump(&self) -> u32 {
        1
    }

    async fn slow_bump(&self, ms: i32) -> u32 {
        tokio::time::sleep(Duration::from_millis(u64::from(ms.cast_unsigned()))).await;
        SLOW_BUMPS.fetch_add(1, Ordering::SeqCst) + 1
    }
}
