//! From an attribute and its item to the item and its `impl`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{DeriveInput, Ident, LitStr, Token, Type, parse_quote};

/// Which trait is implemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Command,
    Query,
}

/// What stands in the attribute.
struct Arguments {
    verb: LitStr,
    reply: Type,
    repeatable: Option<Ident>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let verb: LitStr = input.parse()?;
        check_verb(&verb)?;
        let (mut reply, mut repeatable) = (parse_quote!(()), None);
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let name: Ident = input.parse()?;
            match name.to_string().as_str() {
                "reply" => {
                    input.parse::<Token![=]>()?;
                    reply = input.parse()?;
                }
                "repeatable" => repeatable = Some(name),
                other => {
                    let why = format!("no argument `{other}`: give `reply = TYPE` or `repeatable`");
                    return Err(syn::Error::new(name.span(), why));
                }
            }
        }
        if input.is_empty() {
            Ok(Self { verb, reply, repeatable })
        } else {
            Err(input.error("expected a comma"))
        }
    }
}

/// A verb is lowercase words and its version: `get-profile.v1`.
fn check_verb(verb: &LitStr) -> syn::Result<()> {
    let text = verb.value();
    let sound = text.rsplit_once(".v").is_some_and(|(name, version)| {
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        named && version.parse::<u32>().is_ok_and(|version| version > 0)
    });
    if sound {
        return Ok(());
    }
    Err(syn::Error::new(verb.span(), "write the verb in lowercase with its version: `get-profile.v1`"))
}

pub(crate) fn expand(kind: Kind, attribute: TokenStream, item: TokenStream) -> TokenStream {
    match implement(kind, attribute, item.clone()) {
        Ok(implementation) => quote! { #item #implementation },
        Err(error) => {
            let error = error.to_compile_error();
            quote! { #item #error }
        }
    }
}

fn implement(kind: Kind, attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let Arguments { verb, reply, repeatable } = syn::parse2(attribute)?;
    let DeriveInput { ident, generics, .. } = syn::parse2(item)?;
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let (path, more) = match (kind, repeatable) {
        (Kind::Command, flag) => {
            let flag = flag.is_some();
            (quote!(::troupe_runtime::Command), quote!(const REPEATABLE: bool = #flag;))
        }
        (Kind::Query, None) => (quote!(::troupe_runtime::Query), quote!()),
        (Kind::Query, Some(flag)) => {
            return Err(syn::Error::new(flag.span(), "a query changes nothing: leave `repeatable` out"));
        }
    };
    Ok(quote! {
        impl #parameters #path for #ident #arguments #bounds {
            const VERB: &'static str = #verb;
            type Reply = #reply;
            #more
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(kind: Kind, attribute: &str) -> String {
        let item = quote! { pub struct Record { pub at: u64 } };
        expand(kind, attribute.parse().unwrap(), item).to_string().replace(' ', "")
    }

    #[test]
    fn a_message_gets_its_verb_reply_and_repeatability() {
        let command = expanded(Kind::Command, r#""record.v1", reply = Vec<Recorded>, repeatable"#);
        assert!(command.starts_with("pubstructRecord{pubat:u64}impl::troupe_runtime::CommandforRecord{"));
        for part in ["VERB:&'staticstr=\"record.v1\"", "typeReply=Vec<Recorded>", "REPEATABLE:bool=true"] {
            assert!(command.contains(part), "{part}: {command}");
        }
        let query = expanded(Kind::Query, r#""get.v12""#);
        assert!(
            query.contains("::troupe_runtime::QueryforRecord") && query.contains("typeReply=()"),
            "{query}"
        );
        assert!(expanded(Kind::Command, r#""tell.v1","#).contains("REPEATABLE:bool=false"));
    }

    #[test]
    fn a_bad_attribute_says_what_to_write() {
        for (kind, attribute, why) in [
            (Kind::Command, r#""record""#, "getprofile"),
            (Kind::Command, r#""Record.v1""#, "lowercase"),
            (Kind::Command, r#""record.v0""#, "lowercase"),
            (Kind::Command, r#""record.v1", answer = u8"#, "noargument"),
            (Kind::Command, r#""record.v1" reply"#, "comma"),
            (Kind::Query, r#""get.v1", repeatable"#, "changesnothing"),
        ] {
            let text = expanded(kind, attribute).replace('-', "");
            assert!(text.contains("compile_error") && text.contains(why), "{attribute}: {text}");
        }
    }
}
