use super::{Tree, yaml};

#[test]
fn yaml_keeps_order_and_sorts_of_values() {
    let tree = yaml("b: 1\na: [true, 2.5, '3', null, x: y]\nt: |\n  two\n  lines\n").unwrap();
    assert_eq!(
        serde_json::to_string(&tree).unwrap(),
        r#"{"b":1,"a":[true,2.5,"3",null,{"x":"y"}],"t":"two\nlines\n"}"#
    );
}

#[test]
fn yaml_that_unfolds_without_end_is_refused() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = format!("*a{},", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{before}]\n");
    }
    assert!(yaml(&text).unwrap_err().what.contains("more than"), "{:?}", yaml(&text));
    assert!(yaml(&"[".repeat(10_000)).is_err());
    assert!(yaml("a: 1\n---\nb: 2\n").unwrap_err().what.contains("second document"));
}

#[test]
fn a_key_that_comes_twice_is_refused_in_both_notations() {
    assert!(yaml("a: 1\na: 2\n").unwrap_err().what.contains("twice"));
    assert!(Tree::json(br#"{"a":1,"a":2}"#).unwrap_err().to_string().contains("twice"));
    assert!(Tree::json(b"{\"a\":18446744073709551615}").is_err());
}

#[test]
fn a_tree_survives_message_pack() {
    let tree = yaml("z: [1, -2.5, text, {a: null}]\nb: false\n").unwrap();
    let bytes = rmp_serde::to_vec_named(&tree).unwrap();
    assert_eq!(rmp_serde::from_slice::<Tree>(&bytes).unwrap(), tree);
}
