#!/bin/bash -e
# pi-gen: installs the package that was laid into files/ and has it prepare the system.
package=(files/gate-scanner_*.deb)
if [ ! -f "${package[0]}" ] || [ ${#package[@]} -ne 1 ]; then
    echo "files/ must hold one gate-scanner_…_arm64.deb: make deb ARGS=arm64" >&2
    exit 1
fi
install -m 644 "${package[0]}" "${ROOTFS_DIR}/var/tmp/gate-scanner.deb"
on_chroot <<'CHROOT'
apt-get install -y /var/tmp/gate-scanner.deb
rm /var/tmp/gate-scanner.deb
/usr/share/gate-scanner/image/prepare
CHROOT
