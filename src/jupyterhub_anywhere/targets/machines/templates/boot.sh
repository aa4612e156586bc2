#!/bin/sh
# JupyterHub Anywhere: starts the agent that runs this machine's Jupyter server.
# Below stands a one-time ticket, and no other secret.
set -eu
umask 077
dir=@FOLDER@
fail() {
    echo "jupyterhub-anywhere: $*" >&2
    exit 1
}
mkdir -p "$dir"
chmod 700 "$dir"
cat >"$dir/config.new" <<'END_OF_CONFIG'
@CONFIG@
END_OF_CONFIG
mv "$dir/config.new" "$dir/config.json"

value() {
    sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" "$dir/config.json"
}
# No agent runs here. By redeeming, the hub's user hears why.
refuse() {
    secret=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
    printf '{"ticket": "%s", "credential": "%s", "machine": {"python": "%s"}}' \
        "$(value ticket)" "$secret" "$1" >"$dir/told"
    printf '%b' "$(value ca)" >"$dir/ca.pem"
    [ -s "$dir/ca.pem" ] && ca=$dir/ca.pem || ca=
    url=$(value hub)/api/anywhere/machines/redeem
    set -- --header "Content-Type: application/json"
    if command -v curl >/dev/null; then
        curl -sS --max-time 60 ${ca:+--cacert "$ca"} "$@" --data-binary "@$dir/told" "$url"
    else
        wget -q -T 60 -O - ${ca:+--ca-certificate "$ca"} "$@" --post-file "$dir/told" "$url"
    fi || echo "jupyterhub-anywhere: the hub was not told" >&2
    rm -f "$dir/told"
    fail "the agent needs Python 3.8 or newer, and this image has $had"
}
# A reset that comes soon leaves empty files of what is not on the disk by then.
begin() {
    sync
    exec "$@"
}
python=
had=none
for each in python3 /usr/bin/python3 /opt/conda/bin/python3 /usr/libexec/platform-python; do
    found=$(command -v "$each") || continue
    if "$found" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
        python=$found
        break
    fi
    had=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || had=none
done
[ -n "$python" ] || refuse "$had"
"$python" -c '
import base64, json, os, sys, zlib
folder = sys.argv[1]
packed = base64.b85decode("".join(sys.stdin.read().split()))
for name, text in json.loads(zlib.decompress(packed)).items():
    path = os.path.join(folder, name)
    with open(path + ".new", "w") as stream:
        stream.write(text)
    os.replace(path + ".new", path)
' "$dir" <<'END_OF_FILES'
@FILES@
END_OF_FILES
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then
    unit=/etc/systemd/system/jupyterhub-anywhere.service
    cat >"$unit" <<END_OF_UNIT
[Unit]
Description=Agent of JupyterHub Anywhere
Wants=network-online.target
After=network-online.target nss-user-lookup.target

[Service]
ExecStart="$python" -I -B "$dir/agent.py"
Restart=on-failure
RestartSec=2
KillMode=process
TimeoutStopSec=40

[Install]
WantedBy=multi-user.target
END_OF_UNIT
    chmod 644 "$unit"
    systemctl daemon-reload
    systemctl --quiet enable jupyterhub-anywhere.service
    # Not waited for: this script may itself run in what the unit comes after.
    begin systemctl --no-block start jupyterhub-anywhere.service
fi
cat >"$dir/run" <<END_OF_RUN
#!/bin/sh
PATH=\$PATH:/usr/sbin:/sbin
until "$python" -I -B "$dir/agent.py" >>"$dir/agent.log" 2>&1; do sleep 2; done
END_OF_RUN
cat >"$dir/boot" <<END_OF_BOOT
#!/bin/sh
if command -v setsid >/dev/null; then
    setsid "$dir/run" </dev/null >/dev/null 2>&1 &
else
    nohup "$dir/run" </dev/null >/dev/null 2>&1 &
fi
END_OF_BOOT
chmod 700 "$dir/run" "$dir/boot"
# Where the next boot looks: cloud-init, OpenRC, cron, or a script of the system's own.
if [ -d /var/lib/cloud/scripts/per-boot ]; then
    ln -sf "$dir/boot" /var/lib/cloud/scripts/per-boot/jupyterhub-anywhere
elif [ -d /etc/local.d ]; then
    ln -sf "$dir/boot" /etc/local.d/jupyterhub-anywhere.start
    ! command -v rc-update >/dev/null || rc-update -q add local default || :
elif [ -d /etc/cron.d ] && { command -v cron || command -v crond; } >/dev/null; then
    echo "@reboot root \"$dir/boot\"" >/etc/cron.d/jupyterhub-anywhere
elif [ -x /etc/rc.local ]; then
    grep -qF "$dir/boot" /etc/rc.local || sed -i "1a \"$dir/boot\"" /etc/rc.local
else
    echo "jupyterhub-anywhere: nothing here starts the agent after a reboot" >&2
fi
begin "$dir/boot"
