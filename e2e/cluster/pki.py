"""Keys, certificates and kubeconfigs, made with openssl and kept for as long as the state directory."""

import base64
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import shell
from e2e.cluster.shell import Command

_KEY = ("-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """Who a certificate is for: the file's name, the subject, and the names and addresses that it is valid for."""

    file: str
    subject: str
    names: tuple[str, ...]


USERS = (
    Certificate("admin", "/O=system:masters/CN=admin", ("DNS:admin",)),
    Certificate("controller-manager", "/CN=system:kube-controller-manager", ("DNS:controller-manager",)),
    Certificate("scheduler", "/CN=system:kube-scheduler", ("DNS:scheduler",)),
    Certificate("proxy", "/CN=system:kube-proxy", ("DNS:proxy",)),
)


def server(addresses: Sequence[str]) -> Certificate:
    """The API server's certificate, valid at `addresses` and under its names in the cluster."""
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
    alternatives = (*(f"DNS:{name}" for name in names), *(f"IP:{address}" for address in addresses))
    return Certificate("apiserver", "/CN=kube-apiserver", alternatives)


def node(name: str, address: str) -> Certificate:
    """kubelet's certificate, with which it serves and calls."""
    return Certificate("kubelet", f"/O=system:nodes/CN=system:node:{name}", (f"DNS:{name}", f"IP:{address}"))


def ensure(directory: Path, certificates: Sequence[Certificate]) -> None:
    """Make the authority, the key for service accounts and `certificates`: those that are not there yet.

    Each file appears complete, certificates after their keys, so that a run that was killed is simply repeated.
    """
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        if not (directory / "ca.crt").exists():
            _authority(Path(scratch))
            _publish(Path(scratch), directory, "ca.key", "ca.crt")
        if not (directory / "sa.pub").exists():
            key = Path(scratch) / "sa.key"
            shell.run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key])
            shell.run(["openssl", "ec", "-in", key, "-pubout", "-out", key.with_name("sa.pub")])
            _publish(Path(scratch), directory, "sa.key", "sa.pub")
        for certificate in certificates:
            if not (directory / f"{certificate.file}.crt").exists():
                _sign(directory, Path(scratch), certificate)
                _publish(Path(scratch), directory, f"{certificate.file}.key", f"{certificate.file}.crt")


def _publish(scratch: Path, directory: Path, *files: str) -> None:
    for file in files:
        (scratch / file).rename(directory / file)


def _authority(scratch: Path) -> None:
    out: Command = ["-keyout", scratch / "ca.key", "-out", scratch / "ca.crt"]
    shell.run(["openssl", "req", "-x509", "-newkey", "ec", *_KEY, "-days", "3650", "-subj", "/CN=cluster", *out])


def _sign(directory: Path, scratch: Path, certificate: Certificate) -> None:
    base = scratch / certificate.file
    request, key, extensions = (base.with_name(f"{certificate.file}.{end}") for end in ("csr", "key", "ext"))
    shell.run(["openssl", "req", "-newkey", "ec", *_KEY, "-subj", certificate.subject, "-keyout", key, "-out", request])
    extensions.write_text(
        f"subjectAltName={','.join(certificate.names)}\nextendedKeyUsage=serverAuth,clientAuth\n", encoding="ascii"
    )
    authority: Command = ["-CA", directory / "ca.crt", "-CAkey", directory / "ca.key", "-CAserial", scratch / "serial"]
    argv: Command = ["openssl", "x509", "-req", "-in", request, *authority, "-CAcreateserial", "-days", "3650"]
    shell.run([*argv, "-extfile", extensions, "-out", base.with_name(f"{certificate.file}.crt")])


def write_kubeconfig(directory: Path, user: str, *, cluster: str, url: str) -> Path:
    """Write `<user>.conf`, which holds all it needs and so can be moved anywhere."""

    def inline(file: str) -> str:
        return base64.b64encode((directory / file).read_bytes()).decode("ascii")

    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{"name": cluster, "cluster": {"server": url, "certificate-authority-data": inline("ca.crt")}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": inline(f"{user}.crt"), "client-key-data": inline(f"{user}.key")},
            }
        ],
    }
    file = directory / f"{user}.conf"
    text = json.dumps(content, indent=1)
    if file.exists() and file.read_text(encoding="ascii") == text:
        return file
    unfinished = file.with_suffix(".new")
    unfinished.write_text(text, encoding="ascii")
    unfinished.chmod(0o600)
    unfinished.rename(file)
    return file
