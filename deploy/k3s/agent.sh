#!/usr/bin/env bash
# Joins this machine to a K3s cluster as a worker: labelled and tainted as an edge node, so that iot-gateway comes to it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"

usage() {
  cat <<'HELP'
usage: agent.sh --url URL --token-file FILE [options]

Safe to repeat: files are written only when they change, and K3s restarts only then.
K3s applies labels and taints when a node joins for the first time; later: kubectl label, kubectl taint.

  --url URL              https://HOST:6443 of a server, as server.sh printed it
  --token-file FILE      holds the token that server.sh printed
  --label KEY=VALUE      a label for this node, instead of the default ones (repeatable);
                         default: edge-zone=industrial and node-type=edge
  --no-taint             let any pod onto this node (default: taint edge-node=true:NoSchedule)
  --node-name NAME       the node's name, EDGE_NODE_ID of the gateway on it (default: the host's name)
HELP
  common_help
}

url="" token_file="" node_name="" taint=yes labels=()
while [ $# -gt 0 ]; do
  common_option "$1" "${2:-}"
  if [ "$TOOK" -gt 0 ]; then
    shift "$TOOK"
    continue
  fi
  case $1 in
    -h | --help | --no-taint) ;;
    -*) [ -n "${2:-}" ] || die 2 "$1: no such option, or it lacks its value; see --help" ;;
  esac
  case $1 in
    -h | --help) usage; exit 0 ;;
    --no-taint) taint=no; shift; continue ;;
    --url) url=$2 ;;
    --token-file) token_file=$2 ;;
    --label) labels+=("$2") ;;
    --node-name) node_name=$2 ;;
    *) usage >&2; die 2 "what is $1?" ;;
  esac
  shift 2
done

check_options() {
  [ -n "$url" ] || die 2 "--url is missing; see --help"
  [ -n "$token_file" ] || die 2 "--token-file is missing; see --help"
  check_common
  valid_url --url "$url"
  [ -s "$token_file" ] || die 2 "--token-file $token_file: missing or empty"
  [ -z "$node_name" ] || [[ $node_name =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] || die 2 "--node-name $node_name: lower-case letters, digits, - and . only"
  [ ${#labels[@]} -gt 0 ] || labels=(edge-zone=industrial node-type=edge)
  local each
  for each in "${labels[@]}"; do valid_label --label "$each"; done
}

settings() {
  echo "# Written by agent.sh."
  printf 'server: "%s"\n' "$url"
  printf 'token-file: "%s/token"\n' "$CONFIG_DIR"
  if [ -n "$node_name" ]; then printf 'node-name: "%s"\n' "$node_name"; fi
  yaml_list node-label "${labels[@]}"
  if [ "$taint" = yes ]; then yaml_list node-taint "edge-node=true:NoSchedule"; fi
}

check_options
place_airgap
write_file "$CONFIG_DIR/config.yaml" 0644 < <(settings)
write_file "$CONFIG_DIR/token" 0600 <"$token_file"
install_k3s agent
say "Joined: $url. On a server, \`kubectl get nodes\` shows this machine when it is ready."
