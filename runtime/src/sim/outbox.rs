//! What a simulated node sends in one turn.

use std::collections::{BTreeMap, VecDeque};

use super::network::Mail;
use crate::transport::{Envelope, Outcome, ReplyBatch};

/// Mail of one turn. Mail for other nodes leaves at the end of the turn, one frame for each node.
pub(super) struct Outbox {
    number: u16,
    here: VecDeque<Mail>,
    out: BTreeMap<u16, Vec<Mail>>,
}

impl Outbox {
    /// The outbox of node `number`.
    pub(super) const fn new(number: u16) -> Self {
        Self { number, here: VecDeque::new(), out: BTreeMap::new() }
    }

    pub(super) fn post(&mut self, to: u16, mail: Mail) {
        if to == self.number {
            self.here.push_back(mail);
        } else {
            self.out.entry(to).or_default().push(mail);
        }
    }

    /// Posts the answers to a client's call.
    pub(super) fn reply(&mut self, call: u64, outcomes: Vec<Outcome>) {
        self.post(0, Mail::Envelope(Envelope::Reply(ReplyBatch { call, outcomes })));
    }

    /// Posts one mail to every node of `nodes` but this one.
    pub(super) fn post_to_peers(&mut self, nodes: &[u16], mail: &Mail) {
        let here = self.number;
        for peer in nodes.iter().copied().filter(|peer| *peer != here) {
            self.post(peer, mail.clone());
        }
    }

    /// The next mail that the node has sent to itself.
    pub(super) fn next_here(&mut self) -> Option<Mail> {
        self.here.pop_front()
    }

    /// Takes the frames for other nodes.
    pub(super) fn take_frames(&mut self) -> BTreeMap<u16, Vec<Mail>> {
        std::mem::take(&mut self.out)
    }
}
