//! The postbox: the one actor of a node that its peers address. It receives frames.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::frame_message::FrameMessage;
use super::link::Links;

/// The process group in which peers find each other's postboxes.
pub(super) const GROUP: &str = "troupe-postbox";

/// The actor. It has no name: ractor_cluster unregisters a local actor when a peer with one of the same name ends.
pub(super) struct Postbox;

impl Actor for Postbox {
    type Msg = FrameMessage;
    type State = Arc<Links>;
    type Arguments = Arc<Links>;

    async fn pre_start(
        &self,
        myself: ActorRef<FrameMessage>,
        links: Arc<Links>,
    ) -> Result<Arc<Links>, ActorProcessingErr> {
        ractor::pg::join(GROUP.to_owned(), vec![myself.get_cell()]);
        Ok(links)
    }

    async fn handle(
        &self,
        _myself: ActorRef<FrameMessage>,
        message: FrameMessage,
        links: &mut Arc<Links>,
    ) -> Result<(), ActorProcessingErr> {
        links.arrived(&message.0);
        Ok(())
    }
}
