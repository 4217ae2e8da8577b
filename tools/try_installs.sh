#!/usr/bin/env bash
# Installs wheel and sdist into clean environments of the Pythons named, and maps a room in each.
#
#     bash tools/try_installs.sh [3.11 3.12 3.13]
#
# Needs uv (pip install uv) and those Pythons, pyenv's too; uv is not asked to fetch any. A Python that is
# not here is named and left out; exit status 1 where an install fails, or where there was none to try.
# KINDS="whl" or "gz" tries the wheel or the sdist alone.
# TORCH_INDEX: where PyTorch's CPU build is; empty takes PyPI's. KEEP=1 leaves the environments.
# WITHOUT_CUDA=1 leaves out what PyPI's PyTorch brings for NVIDIA (3 GB of disk in place of 7): it cannot
# be loaded then, which mapping with depth does without, so that is what is tried.
set -eu
cd "$(dirname "$0")/.."
versions=("$@")
[ $# -gt 0 ] || versions=(3.11 3.12 3.13)
work=$(mktemp -d)
[ -n "${KEEP:-}" ] && echo "environments: $work" || trap 'rm -rf "$work"' EXIT
command -v uv >/dev/null || { echo "uv is not here: pip install uv"; exit 1; }
export UV_PYTHON_DOWNLOADS=never MAPPER_CACHE="$work/cache"
# Of pyenv the Pythons are commands that fail unless they were chosen.
! command -v pyenv >/dev/null || PYENV_VERSION=$(pyenv versions --bare | paste -sd:) && export PYENV_VERSION
index=()
[ -z "${TORCH_INDEX:-}" ] || index=(--index "$TORCH_INDEX")

# Said, as it would take the first Python that it finds, be it too old for setuptools.
uv build --quiet --python ">=3.11" --out-dir "$work/dist" .
wheel=$(ls "$work"/dist/mapper3d-*.whl)
sdist=$(ls "$work"/dist/mapper3d-*.tar.gz)
echo "$(basename "$wheel") $(du -h "$wheel" | cut -f1), $(basename "$sdist") $(du -h "$sdist" | cut -f1)"

tried=0
failed=0
for version in "${versions[@]}"; do
    if ! uv python find --quiet "$version" >/dev/null 2>&1; then
        echo "Python $version: not on this machine, left out"
        continue
    fi
    : >"$work/left-out"
    if [ -n "${WITHOUT_CUDA:-}" ]; then
        uv pip compile --quiet --python-version "$version" --constraint constraints.txt setup.cfg |
            sed -nE 's/^((nvidia|cuda)-[a-z0-9-]+|triton)==.*/\1; sys_platform == "never"/p' >"$work/left-out"
    fi
    for what in "$wheel" "$sdist"; do
        kind=${what##*.}
        [[ " ${KINDS:-whl gz} " == *" $kind "* ]] || continue
        tried=$((tried + 1))
        home="$work/$version-$kind"
        started=$SECONDS
        if uv venv --quiet --python "$version" "$home" \
            && uv pip install --quiet --python "$home/bin/python" --constraint constraints.txt \
                --override "$work/left-out" "${index[@]}" "$what" \
            && (cd "$work" && "$home/bin/mapper" demo --frames 40 --out "$work/run-$version-$kind") \
                >"$home/said" 2>&1; then
            echo "Python $version, $kind: installed and mapped a room in $((SECONDS - started)) s"
        else
            failed=$((failed + 1))
            echo "Python $version, $kind: FAILED"
            [ -f "$home/said" ] && tail -5 "$home/said"
        fi
        [ -n "${KEEP:-}" ] || rm -rf "$home"
    done
done
echo "$tried tried, $failed failed"
[ "$tried" -gt 0 ] && [ "$failed" -eq 0 ]
