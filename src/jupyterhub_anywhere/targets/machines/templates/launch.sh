#!/bin/sh
# launch.sh FOLDER PYTHON start|restart: starts the agent now, and at each boot.
# It travels with the agent, compressed.
set -eu
umask 077
dir=$1
python=$2
start=$3
PATH=$PATH:/usr/sbin:/sbin
# A reset that comes soon leaves empty files of what is not on the disk by then.
begin() {
    sync
    exec "$@"
}
# Started by a copy of this disk, it would be another machine with this one's credential. Of the
# number, only the end: older kernels write the rest in other orders, and in capitals.
number="sed 's/.*-//' /sys/class/dmi/id/product_uuid 2>/dev/null | tr A-F a-f"
cat >"$dir/run" <<END_OF_RUN
#!/bin/sh
PATH=\$PATH:/usr/sbin:/sbin
if [ "\$($number)" != "$(eval "$number")" ]; then
    echo "jupyterhub-anywhere: this disk is a copy of another machine's, whose server stays there" >&2
    exit 0
fi
exec "$python" -I -S -B "$dir/agent.py"
END_OF_RUN
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then
    unit=/etc/systemd/system/jupyterhub-anywhere.service
    cat >"$unit" <<END_OF_UNIT
[Unit]
Description=Agent of JupyterHub Anywhere
Wants=network-online.target
After=network-online.target nss-user-lookup.target

[Service]
ExecStart=/bin/sh "$dir/run"
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
    begin systemctl --no-block $start jupyterhub-anywhere.service
fi
cat >"$dir/boot" <<END_OF_BOOT
#!/bin/sh
command -v setsid >/dev/null && apart=setsid || apart=nohup
\$apart sh -c 'until sh "\$0/run" >>"\$0/agent.log" 2>&1; do sleep 2; done' "$dir" \\
    </dev/null >/dev/null 2>&1 &
END_OF_BOOT
chmod 700 "$dir/run" "$dir/boot"
# Whether there is a cron, and it reads /etc/cron.d: busybox' own does not.
reads_folder() {
    cron=$(command -v cron || command -v crond) || return 1
    case $(readlink -f "$cron") in
    */busybox) return 1 ;;
    esac
}
# Where the next boot looks: cloud-init, OpenRC, cron, or a script of the system's own.
if [ -d /var/lib/cloud/scripts/per-boot ]; then
    ln -sf "$dir/boot" /var/lib/cloud/scripts/per-boot/jupyterhub-anywhere
elif [ -d /etc/local.d ]; then
    ln -sf "$dir/boot" /etc/local.d/jupyterhub-anywhere.start
    ! command -v rc-update >/dev/null || rc-update -q add local default || :
elif [ -d /etc/cron.d ] && reads_folder; then
    echo "@reboot root \"$dir/boot\"" >/etc/cron.d/jupyterhub-anywhere
elif [ -x /etc/rc.local ] && [ -s /etc/rc.local ]; then
    # Often a link to what the boot really runs.
    script=$(readlink -f /etc/rc.local)
    grep -qF "$dir/boot" "$script" || sed -i "1a \"$dir/boot\"" "$script"
else
    echo "jupyterhub-anywhere: nothing here starts the agent after a reboot" >&2
fi
begin "$dir/boot"
