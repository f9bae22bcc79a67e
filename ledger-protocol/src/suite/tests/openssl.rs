//! SM2 against the `openssl` tool, where it is installed: what either signs, the other verifies.
//!
//! Without the tool nothing is tested; with it, a refusal is a failure.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use super::*;
use sm2::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use std::path::Path;
use std::process::{Command, Output};

const IDENTIFIER: &str = "distid:1234567812345678";

/// Whether the tool is there.
fn installed() -> bool {
    Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl").current_dir(folder).args(arguments).output().unwrap()
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Writes the key pair as PEM files `secret.pem` and `public.pem`.
fn write_keys(folder: &Path, key: &SecretKey) {
    let secret = sm2::SecretKey::from_slice(key.to_bytes().as_slice()).unwrap();
    std::fs::write(folder.join("secret.pem"), secret.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap();
    std::fs::write(folder.join("public.pem"), secret.public_key().to_public_key_pem(LineEnding::LF).unwrap()).unwrap();
}

fn verify(folder: &Path) -> Output {
    let base =
        ["pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-digest", "sm3", "-pkeyopt", IDENTIFIER];
    run(folder, &[&base[..], &["-in", "message", "-sigfile", "signature.der"]].concat())
}

#[test]
fn openssl_verifies_what_we_sign() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for number in 1..=3u8 {
        let key = secret(Suite::Guomi, number);
        write_keys(folder, &key);
        let message = vec![number; usize::from(number) * 50];
        std::fs::write(folder.join("message"), &message).unwrap();
        std::fs::write(folder.join("signature.der"), key.sign(&message).to_sm2_der().unwrap()).unwrap();
        let accepted = verify(folder);
        assert!(accepted.status.success(), "openssl refuses our signature: {}", words(&accepted));
        std::fs::write(folder.join("message"), b"another message").unwrap();
        assert!(!verify(folder).status.success(), "openssl accepts our signature for another message");
    }
}

#[test]
fn we_verify_what_openssl_signs() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for number in 4..=6u8 {
        let key = secret(Suite::Guomi, number);
        write_keys(folder, &key);
        let message = vec![number; usize::from(number) * 50];
        std::fs::write(folder.join("message"), &message).unwrap();
        let base = ["pkeyutl", "-sign", "-inkey", "secret.pem", "-rawin", "-digest", "sm3", "-pkeyopt", IDENTIFIER];
        let signed = run(folder, &[&base[..], &["-in", "message", "-out", "signature.der"]].concat());
        assert!(signed.status.success(), "openssl does not sign with our key: {}", words(&signed));
        let der = std::fs::read(folder.join("signature.der")).unwrap();
        let signature = Signature::from_sm2_der(&der).unwrap();
        assert!(key.public_key().verify(&message, &signature).is_ok());
        assert_eq!(key.public_key().verify(b"another message", &signature), Err(SignatureError::Mismatch));
    }
}

#[test]
fn openssl_computes_the_same_digests() {
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("message"), b"the same bytes").unwrap();
    for (suite, name) in [(Suite::Standard, "-sha256"), (Suite::Guomi, "-sm3")] {
        let output = run(folder, &["dgst", "-r", name, "message"]);
        assert!(output.status.success(), "{}", words(&output));
        let expected = suite.hash_parts(&[b"the same bytes"]).to_string();
        assert!(words(&output).starts_with(&expected), "{suite}: {}", words(&output));
    }
}
