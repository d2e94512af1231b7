"""Types of certificates.pyx, for readers and mypy.  Compiled callers see certificates.pxd."""

class CertificateFacts:
    subject: str
    names: list[str]
    key_type: str
    not_before: int
    not_after: int

def read_certificate(chain: str, key: str) -> CertificateFacts: ...
def read_authorities(text: str) -> int: ...
