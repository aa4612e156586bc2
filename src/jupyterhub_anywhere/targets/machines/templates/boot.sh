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
start=start
if [ "$(cat "$dir/config.new")" != "$(cat "$dir/config.json" 2>/dev/null)" ]; then
    # Where the image was made of another server's machine, that one's credential is here, too.
    rm -rf "$dir/servers"
    # Its home is not this one's, and a machine without would wait for it at each boot.
    if [ @HOME@ = no ]; then
        rm -f /etc/systemd/system/jupyterhub-anywhere.service.d/home.conf
        [ ! -w /etc/fstab ] || sed -i '/^LABEL=anywhere-home /d' /etc/fstab
    fi
    start=restart
fi
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
# One process tells whether it is new enough, and unpacks: on small machines each takes its time.
unpack() {
    "$1" -I -S -c '
import sys
if sys.version_info < (3, 8):
    sys.exit("%d.%d" % sys.version_info[:2])
import base64, json, os, zlib
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
}
python=
had=none
for each in python3 /usr/bin/python3 /opt/conda/bin/python3 /usr/libexec/platform-python; do
    found=$(command -v "$each") || continue
    if said=$(unpack "$found" 2>&1); then
        python=$found
        break
    fi
    case $said in
    [0-9]*.[0-9]*) had=$said ;;
    *) echo "jupyterhub-anywhere: $found: $said" >&2 ;;
    esac
done
[ -n "$python" ] || refuse "$had"
exec /bin/sh "$dir/launch.sh" "$dir" "$python" "$start"
