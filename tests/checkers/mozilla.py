"""Whether a TLS door is what Mozilla calls intermediate, as sslyze sees it: python mozilla.py HOST PORT ROOT.pem CLIENT.pem CLIENT.key

sslyze's own --mozilla_config cannot be asked: the question of renegotiation needs a client certificate at a door that wants one, and the one of
SSL 2 breaks with one. So the two are asked apart. Prints what does not comply, a line each; exit status 1 when there is any."""
import sys
from dataclasses import replace
from pathlib import Path

from sslyze import (CertificateInfoExtraArgument, ClientAuthenticationCredentials, Scanner, ScanCommand, ScanCommandsExtraArguments, ServerNetworkConfiguration, ServerNetworkLocation,
                    ServerScanRequest)
from sslyze.mozilla_tls_profile import tls_config_checker as checker

RENEGOTIATION = ScanCommand.SESSION_RENEGOTIATION


def scan(location, commands, root=None, credentials=None):
    network = ServerNetworkConfiguration(tls_server_name_indication=location.hostname, tls_client_auth_credentials=credentials)
    scanner = Scanner()
    extra = ScanCommandsExtraArguments(certificate_info=CertificateInfoExtraArgument(custom_ca_file=Path(root)) if root else None)
    scanner.queue_scans([ServerScanRequest(location, network, scan_commands=commands, scan_commands_extra_arguments=extra)])
    return next(iter(scanner.get_results()))


def main():
    host, port, root, certificate, key = sys.argv[1:]
    location = ServerNetworkLocation(hostname=host, port=int(port), ip_address=host)
    result = scan(location, checker.SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER - {RENEGOTIATION}, root)
    known = scan(location, {RENEGOTIATION}, credentials=ClientAuthenticationCredentials(Path(certificate), Path(key)))
    result = replace(result, scan_result=replace(result.scan_result, session_renegotiation=known.scan_result.session_renegotiation))
    profile = checker.MozillaTlsConfiguration.get(checker.TlsConfigurationEnum.MOZILLA_INTERMEDIATE)
    issues = {}
    try:
        checker.check_server_against_tls_configuration(result, profile)
    except checker.ServerNotCompliantWithTlsConfiguration as e:
        issues = e.issues
    for name, why in issues.items():
        print(f"{name}: {why}")
    if not issues:
        print("compliant")
    return 1 if issues else 0


if __name__ == "__main__":
    sys.exit(main())
