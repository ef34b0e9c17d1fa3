#![doc = "Part of Troupe."]
