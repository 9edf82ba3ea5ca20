"""Certificates of the cluster: one authority for Kubernetes, one for the aggregation layer, and a key for tokens.

Lists of who needs what are from the Kubernetes documentation (PKI certificates and requirements).
This module writes only below the directory it is given.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devcluster.processes import write_changed

VALIDITY = datetime.timedelta(days=365)
SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")


@dataclass(frozen=True)
class Identity:
    """A certificate to issue. `hosts` makes it fit for servers too."""

    file: str
    common_name: str
    organization: str | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def write_pki(directory: Path, *, node: str, addresses: tuple[str, ...], now: datetime.datetime) -> None:
    """Issues everything into `directory`, once: an existing `ca.crt` is left with all it signed.

    `addresses` are the API server's own: loopback, the node's, and the first of the service range.
    """
    if (directory / "ca.crt").exists():
        return
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    front_proxy = _authority("front-proxy-ca", now)
    _write(directory, "front-proxy-ca", front_proxy.certificate, front_proxy.key)
    _issue(directory, front_proxy, Identity("front-proxy", "front-proxy-client"), now)
    authority = _authority("kubernetes", now)
    for identity in _identities(node, addresses):
        _issue(directory, authority, identity, now)
    _write_token_key(directory)
    _write(directory, "ca", authority.certificate, authority.key)  # last: its presence says that all is whole


def write_kubeconfig(file: Path, *, server: str, pki: Path, identity: str) -> Path:
    """A kubeconfig (JSON is YAML) with the certificates inside, so that it works from anywhere. Mode 0600."""
    authority = (pki / "ca.crt").read_bytes()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "ip2a", "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}],
        "users": [
            {
                "name": identity,
                "user": {
                    "client-certificate-data": _base64((pki / f"{identity}.crt").read_bytes()),
                    "client-key-data": _base64((pki / f"{identity}.key").read_bytes()),
                },
            }
        ],
        "contexts": [{"name": "ip2a", "context": {"cluster": "ip2a", "user": identity}}],
        "current-context": "ip2a",
    }
    write_changed(file, json.dumps(config, indent=1))
    return file


def _identities(node: str, addresses: tuple[str, ...]) -> list[Identity]:
    return [
        Identity("apiserver", "kube-apiserver", None, (*SERVICE_NAMES, "localhost", node, *addresses)),
        Identity("apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters"),
        Identity("kubelet", f"system:node:{node}", "system:nodes", (node, *addresses)),
        Identity("controller-manager", "system:kube-controller-manager"),
        Identity("scheduler", "system:kube-scheduler"),
        Identity("kube-proxy", "system:kube-proxy"),
        Identity("admin", "kubernetes-admin", "system:masters"),
    ]


def _authority(name: str, now: datetime.datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(subject, subject, key.public_key(), key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Authority(certificate, key)


def _issue(directory: Path, authority: _Authority, identity: Identity, now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)]
    if identity.organization:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.organization))
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if identity.hosts else [])
    builder = _builder(
        x509.Name(names), authority.certificate.subject, key.public_key(), authority.key.public_key(), now
    ).add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if identity.hosts:
        names_and_addresses = x509.SubjectAlternativeName([_alternative(host) for host in identity.hosts])
        builder = builder.add_extension(names_and_addresses, critical=False)
    _write(directory, identity.file, builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_token_key(directory: Path) -> None:
    """Service account tokens are signed with RSA: every client library knows it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_secret(directory / "sa.key", _pem(key))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (directory / "sa.pub").write_bytes(public)


def _write(directory: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    _write_secret(directory / f"{name}.key", _pem(key))
    (directory / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_secret(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
