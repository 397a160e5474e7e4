#!/bin/sh
# Makes the figures of docs/study-hdmap.md again: docs/study/run.sh OUT [ELPV]
#
# OUT: a folder for data and results. ELPV: the solar cells, a folder with train/good, test/good, test/defect and
# conditions.csv; left out, that study is not run. PCORE names the program, by default the one on the PATH.
# Each study leaves study.md (its tables), study.html and cells.csv in its folder. A study that was interrupted goes on.
set -eu
out=$1
here=$(dirname "$0")
pcore=${PCORE:-pcore}
mkdir -p "$out"

[ -d "$out/sim" ] || "$pcore" synth hdmap --out "$out/sim" --domain C --train 200 --good 100 --fault 100 --seed 1
"$pcore" study "$out/sim" --out "$out/hdmap"

if [ $# -gt 1 ]; then
    "$pcore" study "$2" --plan "$here/elpv.toml" --conditions "$2/conditions.csv" --out "$out/elpv"
fi

for seed in 1 2 3 4 5; do
    [ -d "$out/sim$seed" ] || "$pcore" synth hdmap --out "$out/sim$seed" --domain C --train 300 --good 200 --fault 200 --seed $seed
    "$pcore" study "$out/sim$seed" --plan "$here/key.toml" --out "$out/key$seed"
done

[ -d "$out/normals" ] || "$pcore" synth hdmap --out "$out/normals" --domain C --train 1000 --good 2000 --fault 0 --seed 2
"$pcore" study "$out/normals" --plan "$here/false-alarms.toml" --out "$out/false-alarms"
