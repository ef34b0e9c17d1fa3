//! Meshes of real processes over real TLS: ractor's registries belong to a process, so each node is a child of the test.

mod child;
mod parent;

use std::time::Duration;

use parent::World;

#[test]
fn ten_thousand_envelopes_go_both_ways_in_order() {
    let world = World::new(2);
    let (mut one, mut two) = (world.start(1, 10), world.start(2, 20));
    one.until("up 2 20");
    two.until("up 1 10");
    one.ask("send 2 0 10000 100");
    two.ask("send 1 0 10000 100");
    two.until("have 1 9999");
    one.until("have 2 9999");
    // Larger than a frame, and together larger than the credit.
    one.ask("send 2 10000 30 1000000");
    two.until("have 1 10029");
    for node in [&mut one, &mut two] {
        node.until_peers(|peers| peers[0].connected && peers[0].rtt_us.is_some());
        assert_eq!(node.count("disorder"), 0, "{:?}", node.seen);
    }
    one.ask("send 2 10030 1 9000000");
    one.until("refused the envelope is too large to be sent");
    one.ask("send 7 0 1 1");
    one.until("refused no such peer");
}

#[test]
fn a_killed_node_is_missed_at_once_and_its_successor_is_welcome() {
    let world = World::new(3);
    let mut nodes = [world.start(1, 10), world.start(2, 20), world.start(3, 30)];
    for (node, line) in [(0, "up 2 20"), (0, "up 3 30"), (1, "up 3 30"), (2, "up 1 10"), (2, "up 2 20")] {
        nodes[node].until(line);
    }
    // The middle node dials one of its peers and is dialled by the other.
    for incarnation in [21, 22] {
        nodes[1].kill();
        nodes[0].until("down 2");
        nodes[2].until("down 2");
        nodes[1] = world.start(2, incarnation);
        for other in [0, 2] {
            nodes[other].until(&format!("up 2 {incarnation}"));
        }
        nodes[1].until("up 1 10");
        nodes[1].until("up 3 30");
        nodes[1].ask("send 1 0 100 10");
        nodes[0].until("have 2 99");
        nodes[0].ask("send 2 0 100 10");
        nodes[1].until("have 1 99");
    }
    assert_eq!(nodes[0].count("down 3"), 0, "{:?}", nodes[0].seen);
    assert_eq!(nodes[0].count("up 2"), 3, "{:?}", nodes[0].seen);
}

#[test]
fn a_frozen_peer_is_noticed_and_taken_back_when_it_thaws() {
    let mut world = World::new(2);
    world.silent_max = Duration::from_millis(700);
    let (mut one, mut two) = (world.start(1, 10), world.start(2, 20));
    one.until("up 2 20");
    two.until("up 1 10");
    for _ in 0..2 {
        two.signal("STOP");
        one.until("down 2 the peer is silent");
        assert!(!one.peers()[0].connected);
        two.signal("CONT");
        two.until("down 1");
        one.until("up 2 20");
        two.until("up 1 10");
    }
    one.ask("send 2 0 100 10");
    two.until("have 1 99");
}

#[test]
fn a_slow_peer_is_sent_no_more_than_its_credit_and_catches_up_in_order() {
    let mut world = World::new(2);
    world.silent_max = Duration::from_secs(30);
    world.credit_bytes = 1 << 20;
    let (mut one, mut two) = (world.start(1, 10), world.start(2, 20));
    one.until("up 2 20");
    two.until("up 1 10");
    two.signal("STOP");
    one.ask("send 2 0 10000 1000");
    one.until("sent 10000");
    // A megabyte of credit, plus a frame of half a megabyte that may exceed it.
    let queued = one.peers()[0].queued;
    assert!((8_000..10_000).contains(&queued), "{queued}");
    two.signal("CONT");
    two.until("have 1 9999");
    assert_eq!(two.count("disorder"), 0, "{:?}", two.seen);
    assert_eq!(one.count("down"), 0, "{:?}", one.seen);
}

#[test]
fn a_wrong_cookie_is_refused_and_logged_and_affects_no_other_node() {
    let mut world = World::new(3);
    let (mut one, mut three) = (world.start(1, 10), world.start(3, 30));
    one.until("up 3 30");
    three.until("up 1 10");
    world.cookie = "another cookie".to_owned();
    let mut two = world.start(2, 20);
    let refusal = "is the cookie the same";
    one.until_error(2, refusal);
    two.until_error(1, refusal);
    two.until_error(3, refusal);
    three.until_error(2, refusal);
    two.kill();
    world.cookie = "cookie".to_owned();
    let mut two = world.start(2, 21);
    two.until("up 1 10");
    one.until("up 2 21");
    three.until("up 2 21");
    for node in [&one, &two, &three] {
        assert_eq!(node.count("down"), 0, "{:?}", node.seen);
        assert_eq!(node.count("up 2 20"), 0, "{:?}", node.seen);
    }
}

#[test]
fn a_certificate_of_another_authority_or_another_node_is_refused() {
    let mut world = World::new(3);
    let mut one = world.start(1, 10);
    let elsewhere = World::new(3);
    let own = std::mem::replace(&mut world.certs, elsewhere.certs.clone());
    let mut two = world.start(2, 20);
    one.until_error(2, "TLS");
    two.until_error(1, "TLS");
    world.certs = own;
    // A certificate of the right authority for another node: n2 presents n1's when it dials n3.
    one.kill();
    two.kill();
    let stolen = world.copy_of_certs();
    std::fs::copy(stolen.join("n1.pem"), stolen.join("n2.pem")).unwrap();
    std::fs::copy(stolen.join("n1.key"), stolen.join("n2.key")).unwrap();
    let mut three = world.start(3, 30);
    world.certs = stolen;
    let two = world.start(2, 21);
    three.until_error(1, "the peer claims to be \"n2\", and its certificate is of \"n1\"");
    for node in [&one, &two, &three] {
        assert_eq!(node.count("up"), 0, "{:?}", node.seen);
    }
}

#[test]
fn silent_connections_do_not_keep_peers_out() {
    let world = World::new(2);
    let mut two = world.start(2, 20);
    two.until("started");
    let silent: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(world.addr(2)).unwrap()).collect();
    let mut one = world.start(1, 10);
    one.until("up 2 20");
    two.until("up 1 10");
    drop(silent);
}
