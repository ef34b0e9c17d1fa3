//! A frame as the message that ractor_cluster carries between postboxes.

use ractor::Message;
use ractor::message::{BoxedDowncastErr, SerializedMessage};

/// A frame, as bytes.
pub(super) struct FrameMessage(pub(super) Vec<u8>);

impl Message for FrameMessage {
    fn serializable() -> bool {
        true
    }

    fn serialize(self) -> Result<SerializedMessage, BoxedDowncastErr> {
        Ok(SerializedMessage::Cast { variant: "frame.v1".to_owned(), args: self.0, metadata: None })
    }

    fn deserialize(message: SerializedMessage) -> Result<Self, BoxedDowncastErr> {
        match message {
            SerializedMessage::Cast { args, .. } => Ok(Self(args)),
            _ => Err(BoxedDowncastErr),
        }
    }
}
