//! Decryption of encrypted payloads: AES-128 in CBC mode with PKCS#7 padding.
//!
//! The gateway serves payloads unencrypted, so no serving code calls this. It stays for the section `decrypt` of the
//! reference vectors (`growthbook_sdk_cases`).

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};

use super::Refused;
use super::wire::PAYLOAD_BYTES_MAX;

/// Decrypts `iv.ciphertext`, both in base64, with a 16-byte key in base64. The text need not be JSON.
pub fn decrypt(encrypted: &str, key: &str) -> Result<String, Refused> {
    let refused = |path: &str, found: &str, fix: &str| Refused::new(path, found, fix);
    if encrypted.len() > PAYLOAD_BYTES_MAX {
        return Err(refused("encrypted", "a payload that is too large", "send less"));
    }
    let (iv, text) =
        encrypted.split_once('.').ok_or_else(|| refused("encrypted", "no dot", "write iv.ciphertext"))?;
    let key = STANDARD.decode(key).map_err(|e| refused("key", &e.to_string(), "write it in base64"))?;
    let iv = STANDARD.decode(iv).map_err(|e| refused("iv", &e.to_string(), "write it in base64"))?;
    let text =
        STANDARD.decode(text).map_err(|e| refused("ciphertext", &e.to_string(), "write it in base64"))?;
    let cipher = cbc::Decryptor::<Aes128>::new_from_slices(&key, &iv)
        .map_err(|_| refused("key", "a key or iv of another length", "give 16 bytes each"))?;
    let plain = cipher.decrypt_padded_vec_mut::<Pkcs7>(&text).map_err(|_| {
        refused("ciphertext", "a text that is not of this key", "give the key it was made with")
    })?;
    String::from_utf8(plain).map_err(|_| refused("ciphertext", "no UTF-8", "give the key it was made with"))
}
