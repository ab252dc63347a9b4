#!/bin/sh
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What the role has to know of a host, as lines "key=value". It changes nothing.
# Usage: look.sh SECONDS NGINX CONFIG PID_FILE APPLIED_FILE MARK UNIT_FILE RUN_FOLDER LOG_FOLDER SOCKET...
# SECONDS: how long to wait until all sockets are nginx's own. NGINX: the executable, or nothing: that of the PATH.
# SOCKET: PROTOCOL:ADDRESS:PORT in the kernel's hexadecimal, as the filter tcp_proxy_plan gives it.
seconds=$1 nginx=$2 config=$3 pid_file=$4 applied_file=$5 mark=$6 unit_file=$7 run=$8 log=$9
shift 9
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# The master's process id, if it runs and runs this configuration: a pid file may be empty, or outlive its process.
master() {
    pid=$(cat "$pid_file" 2>/dev/null)
    [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$config" && echo "$pid"
}

# The inodes of what listens where that socket would.
inodes() {
    case $1 in udp) state=07 ;; *) state=0A ;; esac
    cat "/proc/net/$1" "/proc/net/${1}6" 2>/dev/null | awk -v address="$2" -v port="$3" -v state="$state" '
        { split($2, local, ":") }
        $4 == state && local[2] == port &&
            (local[1] ~ /^0+$/ || address ~ /^0+$/ || local[1] == address) { print $10 }'
}

# ours, free, or who has it.
holder() {
    found=$(inodes "$(echo "$1" | cut -d: -f1)" "$(echo "$1" | cut -d: -f2)" "$(echo "$1" | cut -d: -f3)")
    [ -n "$found" ] || { echo free; return; }
    for inode in $found; do
        # shellcheck disable=SC2010  # these names are what readlink says of descriptors
        if [ -n "$2" ] && ls -l "/proc/$2/fd" 2>/dev/null | grep -qF "socket:[$inode]"; then
            continue
        fi
        other=$(find /proc/[0-9]*/fd -lname "socket:\\[$inode\\]" 2>/dev/null | head -n 1 | cut -d/ -f3)
        [ -z "$other" ] || echo "$(cat "/proc/$other/comm" 2>/dev/null) (process $other)"
        [ -n "$other" ] || echo "another process"
        return
    done
    echo ours
}

case $nginx in
    '') nginx=$(command -v nginx) ;;
    *) [ -x "$nginx" ] || nginx= ;;
esac
stream=missing
if [ -n "$nginx" ]; then
    built=$("$nginx" -V 2>&1)
    modules=$(echo "$built" | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')
    case " $(echo "$built" | tr '\n' ' ') " in
        *' --with-stream '*) stream=builtin ;;
        *) [ ! -e "$modules/ngx_stream_module.so" ] || stream=$modules/ngx_stream_module.so ;;
    esac
fi
whose=none
if [ -e "$config" ]; then
    if grep -qF "$mark" "$config"; then whose=ours; else whose=other; fi
fi
# shellcheck disable=SC1091  # every distribution has it
kind=" $(. /etc/os-release && echo "$ID ${ID_LIKE:-}") "
case $kind in
    *' debian '* | *' ubuntu '*) family=Debian ;;
    *' rhel '* | *' fedora '* | *' centos '*) family=RedHat ;;
    *) family=other ;;
esac
folders=no
[ ! -d "$run" ] || [ ! -d "$log" ] || [ ! -d "${config%/*}" ] || folders=yes
# The host's own addresses, as its routing table of local ones has them.
addresses=$(awk '/32 host LOCAL/ { print last } { last = $2 }' /proc/net/fib_trie 2>/dev/null | sort -u | tr '\n' ' ')
[ ! -d /run/systemd/system ] || echo systemd=yes
[ ! -e "$unit_file" ] || echo unit=yes
printf '%s\n' "user=$(id -u)" "nginx=$nginx" "stream=$stream" "config=$whose" \
    "family=$family" "folders=$folders" "addresses=$addresses" \
    "written=$(sha1sum "$config" 2>/dev/null | cut -d' ' -f1)" "applied=$(cat "$applied_file" 2>/dev/null)"

tries=$((seconds * 10))
while :; do
    process=$(master)
    told="pid=$process"
    missing=
    for socket in "$@"; do
        held=$(holder "$socket" "$process")
        [ "$held" = ours ] || missing=yes
        told="$told
$socket=$held"
    done
    if [ -z "$missing" ] || [ "$tries" -le 0 ]; then
        break
    fi
    tries=$((tries - 1))
    sleep 0.1
done
echo "$told"
