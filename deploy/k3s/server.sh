#!/usr/bin/env bash
# Installs a K3s server (one, or one of several that keep each other alive) and prints the token and URL that others join with.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"

usage() {
  cat <<'HELP'
usage: server.sh [options]            one server: settings of server.yaml
       server.sh --ha [options]       the first of three or more: settings of ha-server.yaml
       server.sh --ha --join URL --token-file FILE [options]   each further one

Safe to repeat: files are written only when they change, and K3s restarts only then.

  --ha                   embedded etcd with nightly snapshots; without --join this is the first server
  --join URL             https://HOST:6443 of a server that is up
  --token-file FILE      the cluster's token (on the first server: /var/lib/rancher/k3s/server/token)
  --config FILE          settings instead of server.yaml or ha-server.yaml
  --tls-san NAME         a further name or address in the server's certificate (repeatable)
  --label KEY=VALUE      a label for this node besides those of the settings (repeatable)
  --kubeconfig-mode MODE who may read /etc/rancher/k3s/k3s.yaml, the admin key (default 644)
  --url-host HOST        the host in the URL that is printed (default: this machine's first address)
HELP
  common_help
}

ha=no join="" token_file="" config="" mode="" url_host="" sans=() labels=()
while [ $# -gt 0 ]; do
  common_option "$1" "${2:-}"
  if [ "$TOOK" -gt 0 ]; then
    shift "$TOOK"
    continue
  fi
  case $1 in
    -h | --help | --ha) ;;
    -*) [ -n "${2:-}" ] || die 2 "$1: no such option, or it lacks its value; see --help" ;;
  esac
  case $1 in
    -h | --help) usage; exit 0 ;;
    --ha) ha=yes; shift; continue ;;
    --join) join=$2 ;;
    --token-file) token_file=$2 ;;
    --config) config=$2 ;;
    --tls-san) sans+=("$2") ;;
    --label) labels+=("$2") ;;
    --kubeconfig-mode) mode=$2 ;;
    --url-host) url_host=$2 ;;
    *) usage >&2; die 2 "what is $1?" ;;
  esac
  shift 2
done

check_options() {
  check_common
  [ -z "$join" ] || [ "$ha" = yes ] || die 2 "--join is for servers of an --ha cluster; a worker joins with agent.sh"
  [ -z "$join" ] || valid_url --join "$join"
  [ -z "$join" ] || [ -n "$token_file" ] || die 2 "--join needs --token-file: the first server's /var/lib/rancher/k3s/server/token"
  [ -z "$token_file" ] || [ -s "$token_file" ] || die 2 "--token-file $token_file: missing or empty"
  [ -z "$mode" ] || [[ $mode =~ ^0?[0-7]{3}$ ]] || die 2 "--kubeconfig-mode $mode: expected three octal digits, as in 600"
  local each
  for each in "${labels[@]}"; do valid_label --label "$each"; done
  for each in "${sans[@]}"; do
    [[ $each =~ ^[A-Za-z0-9.:_-]+$ ]] || die 2 "--tls-san $each: expected a name or an address"
  done
  if [ -z "$config" ]; then
    config=$here/server.yaml
    [ "$ha" = no ] || config=$here/ha-server.yaml
  fi
  [ -f "$config" ] || die 2 "--config $config: no such file"
}

# What is this server's own, beside the settings that all share. A `+` adds to a list instead of replacing it.
own_settings() {
  echo "# Written by server.sh: what is this server's own."
  if [ "$ha" = yes ] && [ -z "$join" ]; then echo "cluster-init: true"; fi
  if [ -n "$join" ]; then printf 'server: "%s"\n' "$join"; fi
  if [ -n "$token_file" ]; then printf 'token-file: "%s/token"\n' "$CONFIG_DIR"; fi
  if [ -n "$mode" ]; then printf 'write-kubeconfig-mode: "%04o"\n' "$((8#$mode))"; fi
  yaml_list tls-san "${sans[@]}"
  yaml_list node-label+ "${labels[@]}"
}

print_join() {
  local token=$ROOT/var/lib/rancher/k3s/server/node-token host=$url_host
  if [ -z "$host" ]; then host=$(hostname -I 2>/dev/null | cut -d ' ' -f 1); fi
  say "URL:   https://${host:-$(hostname)}:6443"
  if [ "$DRY_RUN" = yes ] || [ -n "$ROOT" ]; then
    say "Token: (in $token once the server has started)"
  elif wait_for "$token"; then
    say "Token: $(cat "$token")"
  else
    die 1 "the server wrote no $token within 2 minutes: journalctl -u k3s"
  fi
  say "Join a worker: agent.sh --url https://${host:-$(hostname)}:6443 --token-file FILE   (FILE holds the token)"
}

wait_for() { # file
  local tries
  for ((tries = 0; tries < 120; tries++)); do
    [ ! -s "$1" ] || return 0
    sleep 1
  done
  return 1
}

check_options
place_airgap
write_file "$CONFIG_DIR/config.yaml" 0644 <"$config"
write_file "$CONFIG_DIR/config.yaml.d/50-skerry.yaml" 0644 < <(own_settings)
if [ -n "$token_file" ]; then write_file "$CONFIG_DIR/token" 0600 <"$token_file"; fi
install_k3s server
print_join
