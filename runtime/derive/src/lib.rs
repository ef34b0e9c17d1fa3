//! Attributes that make a struct a message of an entity.
//!
//! ```text
//! /// Records an interaction.
//! #[command("record.v1", reply = Recorded, repeatable)]
//! #[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
//! pub struct Record { .. }
//!
//! /// Asks for the profile.
//! #[query("get-profile.v1", reply = ProfileView)]
//! #[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
//! pub struct GetProfile {}
//! ```
//!
//! `reply` is `()` where it is left out. `repeatable` says that deciding the command twice changes no more than once.

mod message;

use proc_macro::TokenStream;

/// Implements `troupe_runtime::Command`: verb with version, `reply = TYPE`, and `repeatable`.
#[proc_macro_attribute]
pub fn command(attribute: TokenStream, item: TokenStream) -> TokenStream {
    message::expand(message::Kind::Command, attribute.into(), item.into()).into()
}

/// Implements `troupe_runtime::Query`: verb with version, and `reply = TYPE`.
#[proc_macro_attribute]
pub fn query(attribute: TokenStream, item: TokenStream) -> TokenStream {
    message::expand(message::Kind::Query, attribute.into(), item.into()).into()
}
