//! Canary analysis: Kayenta's judge, and one that may look again.
