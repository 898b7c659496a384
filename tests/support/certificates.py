"""Certificates, generated for a test."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_COMMON_NAME = b"\x06\x03\x55\x04\x03"
"""The object identifier of a common name, in DER."""


def make_certificate(folder: Path, *names: str, stem: str = "certificate", password: str = "") -> tuple[Path, Path]:
    """Write a self-signed certificate for names or addresses (default: 127.0.0.1) and its key, and return both paths.

    The first name is also the subject. With a password, the key is encrypted.
    """
    names = names or ("127.0.0.1",)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    pem, key_pem = folder / f"{stem}.pem", folder / f"{stem}-key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return pem, key_pem


def make_directory(folder: Path, certificate: Path, name: str) -> Path:
    """Write a directory of authorities that holds a certificate with this subject, as `openssl rehash` does."""
    folder.mkdir()
    (folder / f"{_subject_hash(name)}.0").write_bytes(certificate.read_bytes())
    return folder


def _subject_hash(common_name: str) -> str:
    """Return OpenSSL's hash of a subject: SHA-1 of its canonical DER, in lower case, of which four bytes count."""
    value = _der(0x0C, common_name.lower().encode())
    canonical = _der(0x31, _der(0x30, _COMMON_NAME + value))
    return f"{int.from_bytes(hashlib.sha1(canonical).digest()[:4], 'little'):08x}"


def _der(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


def _alternative(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)
