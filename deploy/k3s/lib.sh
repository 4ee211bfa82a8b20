# What server.sh and agent.sh share: saying, writing only what changed, and running K3s's own install script.
# shellcheck shell=bash disable=SC2034
# Sourced, never run. Sets: DRY_RUN, ROOT, INSTALL_SCRIPT, AIRGAP_DIR, SHA256. Needs bash 4.4.

DRY_RUN=no
ROOT=""           # files are written below this folder, and nothing is started (for images, and for tests)
INSTALL_SCRIPT="" # a copy of K3s's install script; empty: it is downloaded
SHA256=""         # what the install script must hash to
AIRGAP_DIR=""     # k3s (or k3s-arm64), k3s-airgap-images-*.tar*, and any images of yours (*.tar): no network is used
K3S_INSTALL_URL=${K3S_INSTALL_URL:-https://get.k3s.io}
CONFIG_DIR=/etc/rancher/k3s
CHANGED=no

say() { printf '%s\n' "$*"; }
die() { # exit status, message
  local status=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit "$status"
}

# Prints a command as it could be typed; runs it unless --dry-run.
run() {
  if [ "$DRY_RUN" = yes ]; then
    printf '+'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

# Options that both scripts take. TOOK: how many words; 0 when the option is none of them.
common_option() { # option, its value (empty: there is none)
  TOOK=2
  case $1 in
    --dry-run) DRY_RUN=yes TOOK=1 ;;
    --install-script) INSTALL_SCRIPT=$2 ;;
    --install-sha256) SHA256=$2 ;;
    --airgap) AIRGAP_DIR=$2 ;;
    --root) ROOT=${2%/} ;;
    *) TOOK=0 ;;
  esac
  [ "$TOOK" != 2 ] || [ -n "$2" ] || die 2 "$1 needs a value; see --help"
}

common_help() {
  cat <<'HELP'
  --install-script FILE  use this copy of K3s's install script instead of downloading it
  --install-sha256 HASH  refuse an install script with another SHA-256
  --airgap DIR           no network: DIR holds the K3s binary (k3s, or k3s-arm64), its images
                         (k3s-airgap-images-*.tar, .tar.gz or .tar.zst) and images of your own
                         (*.tar); needs --install-script, or DIR/install.sh
  --root DIR             write below DIR and start nothing (to prepare a disk image)
  --dry-run              print what would be written and run; change nothing
  -h, --help             this text
HELP
}

check_common() {
  [[ $ROOT =~ ^(/[A-Za-z0-9._/-]+)?$ ]] || die 2 "--root $ROOT: expected an absolute path of letters, digits, . _ and -"
  [ -z "$AIRGAP_DIR" ] || [ -d "$AIRGAP_DIR" ] || die 2 "--airgap $AIRGAP_DIR: no such folder"
  if [ -n "$AIRGAP_DIR" ] && [ -z "$INSTALL_SCRIPT" ]; then INSTALL_SCRIPT=$AIRGAP_DIR/install.sh; fi
  [ -z "$INSTALL_SCRIPT" ] || [ -f "$INSTALL_SCRIPT" ] || die 2 "install script $INSTALL_SCRIPT: no such file"
  [ "$DRY_RUN" = yes ] || [ -n "$ROOT" ] || [ "$(id -u)" = 0 ] || die 1 "must run as root (try sudo), or with --dry-run"
}

# A file under ROOT gets what standard input says, atomically, and only when that differs. Sets CHANGED.
write_file() { # path, mode
  local path=$ROOT$1 mode=$2 text
  text=$(cat)
  if [ -f "$path" ] && [ "$(cat "$path")" = "$text" ]; then
    [ "$(stat -c %a "$path")" = "${mode#0}" ] || run chmod "$mode" "$path"
    say "unchanged: $path"
    return
  fi
  CHANGED=yes
  if [ "$DRY_RUN" = yes ]; then
    say "+ write $path (mode $mode):"
    case $path in
      *token*) say "    (a secret, not shown)" ;;
      *) printf '%s\n' "$text" | sed 's/^/    /' ;;
    esac
    return
  fi
  mkdir -p "$(dirname "$path")"
  (umask 077 && printf '%s\n' "$text" >"$path.new")
  chmod "$mode" "$path.new"
  mv "$path.new" "$path"
  say "written: $path"
}

# A file from the air-gap folder goes to its place, unless it is there already.
place_file() { # from, to, mode
  local to=$ROOT$2
  if cmp -s "$1" "$to"; then
    say "unchanged: $to"
    return
  fi
  CHANGED=yes
  run install -D -m "$3" "$1" "$to"
}

machine_suffix() { # how K3s names its files for this processor
  case ${K3S_ARCH:-$(uname -m)} in
    x86_64 | amd64) printf '' ;;
    aarch64 | arm64) printf -- '-arm64' ;;
    *) die 1 "K3s is packaged for x86_64 and aarch64 here, not for $(uname -m)" ;;
  esac
}

place_airgap() {
  [ -n "$AIRGAP_DIR" ] || return 0
  local suffix binary image found=no
  suffix=$(machine_suffix)
  binary=$AIRGAP_DIR/k3s$suffix
  [ -f "$binary" ] || die 1 "$binary is missing: the K3s binary of a release, beside its images"
  place_file "$binary" /usr/local/bin/k3s 0755
  for image in "$AIRGAP_DIR"/*.tar "$AIRGAP_DIR"/*.tar.gz "$AIRGAP_DIR"/*.tar.zst; do
    [ -f "$image" ] || continue
    case ${image##*/} in
      k3s-airgap-images"${suffix:--amd64}".*) found=yes ;;
      k3s-airgap-images-*) continue ;; # of another processor
    esac
    place_file "$image" "/var/lib/rancher/k3s/agent/images/${image##*/}" 0644
  done
  [ "$found" = yes ] || die 1 "$AIRGAP_DIR holds no k3s-airgap-images-*: K3s could not start its own pods without a network"
}

check_hash() { # file
  [ -n "$SHA256" ] || return 0
  local got
  got=$(sha256sum "$1" | cut -d ' ' -f 1)
  [ "$got" = "$SHA256" ] || die 1 "the install script has SHA-256 $got, not $SHA256: not run"
}

# Runs K3s's install script for `server` or `agent`. Settings stand in files, so that running it again changes nothing.
install_k3s() { # server | agent
  local script=$INSTALL_SCRIPT settings=()
  [ -z "$AIRGAP_DIR" ] || settings+=(INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_SKIP_SELINUX_RPM=true)
  [ "$CHANGED" = no ] || settings+=(INSTALL_K3S_FORCE_RESTART=true)
  if [ -n "$ROOT" ]; then
    settings+=(INSTALL_K3S_SKIP_ENABLE=true INSTALL_K3S_SKIP_START=true "INSTALL_K3S_BIN_DIR=$ROOT/usr/local/bin"
      "INSTALL_K3S_SYSTEMD_DIR=$ROOT/etc/systemd/system")
    run mkdir -p "$ROOT/usr/local/bin" "$ROOT/etc/systemd/system"
  fi
  if [ -z "$script" ]; then
    if [ "$DRY_RUN" = yes ]; then
      say "+ curl -fsSL --retry 3 -o install-k3s.sh $K3S_INSTALL_URL"
      script=install-k3s.sh
    else
      script=$(mktemp)
      # shellcheck disable=SC2064 # the name is fixed now
      trap "rm -f '$script'" EXIT
      # To a file first: a line that breaks off must not be run half.
      curl -fsSL --retry 3 -o "$script" "$K3S_INSTALL_URL" || die 1 "$K3S_INSTALL_URL cannot be fetched; see --airgap and --install-script"
    fi
  fi
  if [ "$DRY_RUN" = yes ]; then
    [ -z "$SHA256" ] || say "+ sha256sum install script, expecting $SHA256"
  else
    check_hash "$script"
  fi
  run env "${settings[@]}" sh "$script" "$1"
  [ -z "$ROOT" ] || settle_root "$1"
}

# What was installed below ROOT must name its files as the machine that boots from it will see them.
settle_root() { # server | agent
  local unit=k3s.service wants=$ROOT/etc/systemd/system/multi-user.target.wants file
  [ "$1" = server ] || unit=k3s-$1.service
  for file in "$ROOT/etc/systemd/system/$unit" "$ROOT"/usr/local/bin/k3s-*.sh; do
    [ ! -f "$file" ] || run sed -i "s#$ROOT/#/#g" "$file"
  done
  run mkdir -p "$wants"
  run ln -sfn "/etc/systemd/system/$unit" "$wants/$unit"
}

valid_url() { # option, text
  [[ $2 =~ ^https://[A-Za-z0-9._-]+(:[0-9]+)?$|^https://\[[0-9a-fA-F:]+\](:[0-9]+)?$ ]] || die 2 "$1 $2: expected https://HOST:6443"
}

# Labels and taints as K3s wants them in a list.
yaml_list() { # key, values…
  local key=$1 each
  shift
  [ $# -gt 0 ] || return 0
  printf '%s:\n' "$key"
  for each in "$@"; do printf '  - "%s"\n' "$each"; done
}

valid_label() { # option, text
  [[ $2 =~ ^[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*$ ]] || die 2 "$1 $2: expected KEY=VALUE"
}
