#!/bin/sh
# Installs what the browser tests need from Debian, where that is possible.
# Without it the tests skip aloud (and fail where CI=true).
if [ -x /usr/bin/chromium ] && fc-list 2>/dev/null | grep -qi cjk; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing chromium and fonts for the browser tests ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq chromium fontconfig fonts-noto-cjk >/dev/null 2>&1 && exit 0
fi
echo "No chromium here: browser tests will be skipped. Install the Debian packages chromium and fonts-noto-cjk to run them."
exit 0
