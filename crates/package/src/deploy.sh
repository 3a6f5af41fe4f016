#!/bin/bash -p
# Deploys the package that this script lies in. The same text is in every
# package of format 1: client, version and namespace come from MANIFEST.json.
#
# It cannot prove that it was not changed itself. Where that matters, verify
# the package with consign, or check the signature of checksum.sha256 and run
# sha256sum -c, before running this.
#
# Needs bash 4.2, kubectl and the GNU coreutils.

main() {
  # Started as "bash deploy.sh": take nothing of the environment's functions.
  [[ -o privileged ]] || exec /bin/bash -p -- "${BASH_SOURCE[0]}" "$@"
  set -u -o pipefail
  set +o posix
  umask 077
  unset CDPATH IFS GLOBIGNORE
  export LC_ALL=C

  declare -gr MANAGER=consign OLD_MANAGER=kubectl-client-side-apply
  declare -gr RULE='=========================================='
  # Seconds: one request; one for each object; CRDs becoming usable; the whole
  # rollout.
  declare -gr REQUEST_LIMIT=60 OBJECTS_LIMIT=900 CRD_LIMIT=60 ROLLOUT_LIMIT=300
  # Seconds after which a Lease is surely abandoned, whatever the clocks say.
  declare -gr LEASE_DEAD=600
  # Release records that are kept.
  declare -gr RECORDS_KEPT=20

  work='' wrote=no applied=no record='' reason='' child='' dry_run=no assume_yes=no context=''
  dead_lease='' told_taking=no
  trap finish EXIT
  trap 'interrupted 2' INT
  trap 'interrupted 15' TERM
  trap 'interrupted 1' HUP

  ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 402)) || die 2 "bash $BASH_VERSION is too old" "install bash 4.2 or newer"
  read_options "$@"
  take_copy
  check_copy
  read_manifest
  read_objects
  find_kubectl
  check_health
  look_at_namespace
  check_lease
  check_autoscalers
  if [[ $ready_for_check == yes ]]; then check_rest; fi
  if [[ $dry_run == yes ]]; then
    preview
    return 0
  fi
  if [[ $assume_yes == no && ! -t 0 ]]; then
    die 2 "nobody to ask: standard input is not a terminal" "confirm with --yes"
  fi
  capture_state
  confirm
  # Much may have changed while the question stood.
  check_first
  if [[ $ready_for_check == yes ]]; then check_rest; fi
  check_lease
  info "Executing deployment..."
  apply_first
  begin_record
  # Whoever took the Lease meanwhile may not have seen the record.
  check_lease
  if [[ $ready_for_check == no ]]; then check_rest; fi
  apply_rest
  wait_for_rollout
  check_alone
  end_record active
  say "[OK] Deployment complete!"
  show_status
}

# --- speaking ---------------------------------------------------------------

say() { printf '%s\n' "$*"; }
info() { say "[INFO] $*"; }
warn() { say "[WARN] $*"; }

# What another program said, without anything that could move a cursor.
quote_lines() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do
    printf '  %s\n' "${line//[^[:print:]]/?}"
  done
}

# die CODE WHAT HELP: codes are consign's.
die() {
  reason=$2
  printf '[ERROR] %s\n' "$2" >&2
  if [[ -n ${3:-} ]]; then printf '[ERROR] %s\n' "$3" >&2; fi
  exit "$1"
}

damaged() {
  say "ERROR: Package integrity check failed!"
  die 3 "$1" "take an undamaged copy of the package, or make it again"
}

usage() {
  say "Usage: ./deploy.sh [--dry-run] [--context NAME] [--yes]"
  say
  say "Deploys the package that this script lies in."
  say
  say "  --dry-run        show what would change, change nothing"
  say "  --context NAME   use this context of the kubeconfig"
  say "  --yes            do not ask for confirmation"
  say "  --help           show this"
  say
  say "Example: ./deploy.sh --context upcloud-prod --dry-run"
}

# --- ending -----------------------------------------------------------------

# shellcheck disable=SC2317 # traps call these two
finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [[ -n $record ]]; then end_record failed; fi
  if [[ -n $work ]]; then rm -rf -- "$work"; fi
  exit "$code"
}

# shellcheck disable=SC2317
interrupted() {
  reason=interrupted
  if [[ -n $child ]]; then kill "$child" 2>/dev/null; fi
  if [[ $wrote == no ]]; then die $((128 + $1)) "interrupted: nothing was changed"; fi
  if [[ -n $record ]]; then end_record unknown; fi
  die 12 "interrupted after the first change to the cluster" "run it again, or deploy the previous package"
}

# heed COMMAND...: waits for it in such a way that a signal is heeded at once.
heed() {
  local code=0
  "$@" <&0 &
  child=$!
  wait "$child" || code=$?
  child=''
  return "$code"
}

# --- the package ------------------------------------------------------------

read_options() {
  while (($#)); do
    case $1 in
      --dry-run) dry_run=yes ;;
      --yes) assume_yes=yes ;;
      --context=*) context=${1#--context=} ;;
      --context)
        (($# > 1)) || die 2 "--context needs a name" "see ./deploy.sh --help"
        context=$2
        shift
        ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) die 2 "unknown argument: $(printf '%q' "$1")" "see ./deploy.sh --help" ;;
    esac
    shift
  done
}

# What is checked is what is applied: a copy that nobody else can change.
take_copy() {
  local script entry name
  info "Verifying package..."
  script=$(readlink -f -- "${BASH_SOURCE[0]}") || die 7 "cannot find my own file"
  package=${script%/*}
  files=(MANIFEST.json deploy.sh images.txt manifests/all.yaml secrets.env.enc)
  shopt -s dotglob nullglob
  if [[ -L $package/manifests ]]; then damaged "manifests: not a directory"; fi
  for entry in "$package"/* "$package"/manifests/*; do
    name=${entry#"$package"/}
    if ! belongs "$name"; then damaged "unexpected: $(printf '%q' "$name")"; fi
  done
  work=$(mktemp -d "${TMPDIR:-/tmp}/consign-deploy.XXXXXXXXXX") || die 7 "cannot make a temporary directory"
  mkdir -- "$work/package" "$work/package/manifests" || die 7 "cannot write to $work"
  for name in "${files[@]}" checksum.sha256; do
    entry=$package/$name
    if [[ ! -e $entry && ! -L $entry ]]; then damaged "$name missing"; fi
    cp -RP -- "$entry" "$work/package/$name" || die 7 "cannot copy $name"
    entry=$work/package/$name
    if [[ -L $entry || ! -f $entry ]]; then damaged "$name: not a regular file"; fi
  done
}

belongs() {
  local signature='^checksum\.sha256(\.[0-9a-f]{16})?\.asc$|^checksum\.sha256\.[0-9a-f]{16}\.(sig|sigstore\.json)$'
  case $1 in
    MANIFEST.json | checksum.sha256 | deploy.sh | images.txt | manifests | secrets.env.enc) return 0 ;;
    manifests/all.yaml) return 0 ;;
    *) [[ $1 =~ $signature ]] ;;
  esac
}

check_copy() {
  local lines line form='^[0-9a-f]{64}  \./(.*)$' listed='' sum name
  mapfile -t lines <"$work/package/checksum.sha256" || damaged "checksum.sha256 cannot be read"
  for line in ${lines[@]+"${lines[@]}"}; do
    if [[ ! $line =~ $form ]]; then damaged "checksum.sha256: a line is not '<digest>  ./<path>'"; fi
    name=${BASH_REMATCH[1]}
    case $name in
      MANIFEST.json | deploy.sh | images.txt | manifests/all.yaml | secrets.env.enc) ;;
      *) damaged "checksum.sha256: lists $(printf '%q' "$name")" ;;
    esac
    case $listed in
      *" $name "*) damaged "checksum.sha256: lists $name twice" ;;
    esac
    listed+=" $name "
  done
  for name in "${files[@]}"; do
    case $listed in
      *" $name "*) ;;
      *) damaged "unlisted: $name" ;;
    esac
  done
  if ! sum=$(cd -- "$work/package" && sha256sum --check --strict --quiet checksum.sha256 2>/dev/null); then
    if [[ -n $sum ]]; then printf '%s\n' "$sum" >&2; fi
    damaged "checksums do not hold"
  fi
  sum=$(sha256sum <"$work/package/checksum.sha256") || die 7 "sha256sum failed"
  digest=sha256:${sum%% *}
}

# A value of MANIFEST.json as consign prints it: its own line, indented so.
field() {
  local indent=$1 key=$2 line form found=()
  form="^${indent}\"${key}\": \"?([^\"\\,]*)\"?,?\$"
  for line in "${manifest[@]}"; do
    if [[ $line =~ $form ]]; then found+=("${BASH_REMATCH[1]}"); fi
  done
  if ((${#found[@]} == 1)); then printf '%s' "${found[0]}"; fi
}

read_manifest() {
  local number='(0|[1-9][0-9]*)' label='[a-z0-9]([-a-z0-9]*[a-z0-9])?'
  mapfile -t manifest <"$work/package/MANIFEST.json" || die 7 "cannot read MANIFEST.json"
  client=$(field '  ' client)
  version=$(field '  ' version)
  namespace=$(field '  ' namespace)
  commit=$(field '      ' commit)
  if [[ $(field '    ' format) != 1 ]]; then
    die 3 "MANIFEST.json is not that of a package of format 1" "verify the package with consign"
  fi
  if [[ ! $client =~ ^${label}$ ]] || ((${#client} > 53)); then die 3 "MANIFEST.json: client is not a client's name"; fi
  if [[ ! $namespace =~ ^${label}$ ]] || ((${#namespace} > 63)); then die 3 "MANIFEST.json: namespace is not a namespace"; fi
  if [[ ! $version =~ ^v${number}\.${number}\.${number}(-[0-9A-Za-z.-]+)?$ ]] || ((${#version} > 63)); then
    die 3 "MANIFEST.json: version is not vMAJOR.MINOR.PATCH"
  fi
  if [[ ! $commit =~ ^[0-9a-f]{40,64}$ ]]; then commit=''; fi
  if [[ ${package##*/} != "$client-$version" ]]; then
    die 3 "name mismatch: the directory is $(printf '%q' "${package##*/}"), MANIFEST.json says $client-$version" \
      "rename the directory to $client-$version, if that is what it is"
  fi
  say "[OK] Package verified: $digest"
}

# Sorts the documents of all.yaml: Namespace and CRDs come first; objects in
# other namespaces are applied without naming ours. As consign prints it, each
# document begins at column 1 and metadata is indented by two spaces.
read_objects() {
  local line part
  crds=() workloads=() scaled=() brings_namespace=no items=''
  for part in first rest elsewhere; do
    : >"$work/$part" || die 7 "cannot write to $work"
  done
  start_object
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line == --- ]]; then
      end_object
      start_object
      continue
    fi
    text+=$line$'\n'
    case $line in
      'kind: '*) kind=${line#kind: } ;;
      'apiVersion: '*) api=${line#apiVersion: } ;;
      [A-Za-z]*) section=${line%%:*} ;;
      '  name: '*) if [[ $section == metadata ]]; then name=$(unquoted "${line#  name: }"); fi ;;
      '  namespace: '*) if [[ $section == metadata ]]; then home=$(unquoted "${line#  namespace: }"); fi ;;
      '  replicas: '*) if [[ $section == spec ]]; then replicas=yes; fi ;;
    esac
  done <"$work/package/manifests/all.yaml"
  end_object
  intended=$items
}

start_object() { text='' kind='' api='' section='' name='' home='' replicas=no; }

unquoted() {
  local text=${1#[\"\']}
  printf '%s' "${text%[\"\']}"
}

end_object() {
  local part=rest
  if [[ -z $text ]]; then return 0; fi
  if [[ ! $kind =~ ^[A-Za-z0-9]+$ || ! $name =~ ^[A-Za-z0-9.:_-]+$ ]]; then
    die 3 "manifests/all.yaml: a document has no kind or no name" "verify the package with consign"
  fi
  case $kind in
    Namespace)
      part=first
      if [[ $name == "$namespace" ]]; then brings_namespace=yes; fi
      ;;
    CustomResourceDefinition)
      part=first
      crds+=("$name")
      ;;
    Deployment | StatefulSet | DaemonSet)
      if [[ $api == apps/v1 ]]; then
        workloads+=("${kind,,}.apps/$name ${home:-$namespace}")
        if [[ $replicas == yes ]]; then scaled+=("$kind/$name"); fi
      fi
      ;;
  esac
  if [[ -n $home && ! $home =~ ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ ]]; then
    die 3 "manifests/all.yaml: a document has no proper namespace" "verify the package with consign"
  fi
  if [[ $part == rest && -n $home && $home != "$namespace" ]]; then part=elsewhere; fi
  add_item "$api" "$kind" "$home" "$name" ''
  printf '%s---\n' "$text" >>"$work/$part" || die 7 "cannot write to $work"
}

# --- the cluster ------------------------------------------------------------

find_kubectl() {
  local path lines line
  path=$(type -P kubectl) || die 9 "kubectl is not installed" "install kubectl"
  path=$(readlink -f -- "$path") || die 9 "kubectl cannot be found"
  kubectl=("$path") limit=$REQUEST_LIMIT
  if [[ -n $context ]]; then
    kubectl+=("--context=$context")
  else
    context=$("$path" config current-context 2>/dev/null) || context='(none)'
  fi
  info "kubectl: $path"
  mapfile -t lines < <(timeout --foreground "$limit" "${kubectl[@]}" version 2>&1)
  for line in ${lines[@]+"${lines[@]}"}; do
    if [[ $line == WARNING:* ]]; then warn "${line//[^[:print:]]/?}"; fi
  done
}

# ask ARGUMENTS: kubectl's answer in $answer; what it complains of in $work/err.
# --foreground: a credential plugin may ask something at the terminal.
ask() { answer=$(timeout --foreground "$limit" "${kubectl[@]}" "$@" 2>"$work/err"); }

complaint() {
  local line
  IFS= read -r line <"$work/err" || line='no answer in time'
  printf '%s' "${line//[^[:print:]]/?}"
}

forbidden() {
  case $(complaint) in
    *Forbidden* | *forbidden*) return 0 ;;
    *) return 1 ;;
  esac
}

check_health() {
  local line ready=0 all=0
  info "Checking cluster health..."
  if ask get --raw=/readyz; then
    :
  elif forbidden; then
    warn "readiness not checked: $(complaint)"
  else
    die 9 "Cluster not reachable or not ready: context $context: $(complaint)" \
      "check kubectl cluster-info and kubectl config current-context, or name another context with --context"
  fi
  if ask get nodes -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}'; then
    while IFS= read -r line; do
      all=$((all + 1))
      if [[ $line == True ]]; then ready=$((ready + 1)); fi
    done <<<"$answer"
    if ((ready == 0)); then die 9 "no node is Ready" "check kubectl get nodes"; fi
    if ((ready < all)); then warn "$((all - ready)) of $all nodes are not Ready"; fi
  else
    warn "nodes not checked: $(complaint)"
  fi
  say "[OK] Cluster is healthy"
}

look_at_namespace() {
  local crd
  ready_for_check=yes has_namespace=yes
  if ! ask get namespace "$namespace" --ignore-not-found -o name; then
    if ! forbidden; then die 9 "cannot look at namespace $namespace: $(complaint)"; fi
    warn "namespace not checked: $(complaint)"
  elif [[ -z $answer ]]; then
    has_namespace=no ready_for_check=no
    if [[ $brings_namespace == no ]]; then
      die 9 "namespace $namespace does not exist and the package does not bring it" "kubectl create namespace $namespace"
    fi
  fi
  for crd in ${crds[@]+"${crds[@]}"}; do
    ask get customresourcedefinition "$crd" --ignore-not-found -o name || die 9 "cannot look at CRD $crd: $(complaint)"
    if [[ -z $answer ]]; then ready_for_check=no; fi
  done
  force_first='' force_rest=''
  # Who may not write the Namespace works in it as it is.
  if [[ -s $work/first && $has_namespace == yes ]] && ((${#crds[@]} == 0)) &&
    ! server_side "$work/first" --dry-run=server && forbidden; then
    warn "namespace $namespace stays as it is: $(complaint)"
    : >"$work/first"
  fi
  check_first
}

# Whoever deploys with consign holds this Lease and renews it. This script
# takes none; it only keeps out of the way.
check_lease() {
  local lease=consign.$client parts before age ttl
  if [[ $has_namespace == no ]]; then return 0; fi
  local form='jsonpath={.spec.renewTime}{"\n"}{.spec.leaseDurationSeconds}{"\n"}{.spec.holderIdentity}'
  if ! ask get lease "$lease" -n "$namespace" --ignore-not-found -o "$form"; then
    warn "Lease $lease not checked: $(complaint)"
    return 0
  fi
  mapfile -t parts <<<"$answer"
  if [[ -z ${parts[0]} || -z ${parts[2]:-} ]]; then return 0; fi
  age=$(($(date +%s) - $(date -d "${parts[0]}" +%s 2>/dev/null || echo 0)))
  if ((age > LEASE_DEAD)) || [[ ${parts[0]} == "$dead_lease" ]]; then return 0; fi
  ttl=${parts[1]:-60}
  if [[ ! $ttl =~ ^[1-9][0-9]{0,5}$ ]]; then ttl=60; fi
  if ((age > ttl)); then
    # It looks abandoned by this clock; only a whole unchanged period proves it.
    info "Lease $lease looks abandoned: watching it for $ttl seconds..."
    before=${parts[0]}
    heed sleep "$ttl"
    ask get lease "$lease" -n "$namespace" --ignore-not-found -o 'jsonpath={.spec.renewTime}' ||
      die 9 "cannot look at Lease $lease: $(complaint)"
    if [[ -z $answer || $answer == "$before" ]]; then
      dead_lease=$before
      return 0
    fi
  fi
  die 6 "another deployment of $client is running: ${parts[2]//[^[:print:]]/?}" "wait until it is done"
}

check_autoscalers() {
  local target
  if [[ $has_namespace == no ]] || ((${#scaled[@]} == 0)); then return 0; fi
  if ! ask get horizontalpodautoscalers.autoscaling -n "$namespace" \
    -o 'jsonpath={range .items[*]}{.spec.scaleTargetRef.kind}/{.spec.scaleTargetRef.name}{"\n"}{end}'; then
    warn "autoscalers not checked: $(complaint)"
    return 0
  fi
  for target in "${scaled[@]}"; do
    case $'\n'$answer$'\n' in
      *$'\n'"$target"$'\n'*)
        die 6 "an autoscaler owns .spec.replicas of $target, and the package sets it too" \
          "take replicas out of the source and make a new version, or use consign deploy, which hands that field over"
        ;;
    esac
  done
}

# server_side FILE ARGUMENTS: applies a part of the package.
server_side() {
  local file=$1 home=(-n "$namespace") limit=$OBJECTS_LIMIT
  shift
  # Objects of other namespaces name theirs.
  if [[ $file == */elsewhere ]]; then home=(); fi
  ask apply --server-side "--field-manager=$MANAGER" --validate=strict "--request-timeout=${REQUEST_LIMIT}s" "$@" \
    -f "$file" ${home[@]+"${home[@]}"}
}

check_first() {
  if [[ ! -s $work/first ]]; then return 0; fi
  check_apply "$work/first"
  force_first=$force
}

check_rest() {
  check_apply "$work/rest" "$work/elsewhere"
  force_rest=$force
}

# The server's dry run of parts. Conflicts with plain "kubectl apply" alone are
# ours to take over; $force holds what that needs.
check_apply() {
  local line code=0 conflict='conflicts? with "([^"]*)"' file told
  force=''
  for file in "$@"; do
    if [[ ! -s $file ]]; then continue; fi
    if server_side "$file" --dry-run=server; then continue; fi
    told=''
    while IFS= read -r line || [[ -n $line ]]; do
      case $line in
        '- .'*) told+=$line$'\n' ;;
        'Warning: '* | 'Please review '* | 'are the ways '* | '* If '* | '* You '* | '  command with '* | '  manifest '* | \
          '  current managers.' | '  value; '* | '  stop managing '* | 'See https://kubernetes.io/'*) ;;
        *)
          told+=$line$'\n'
          if [[ $line =~ $conflict ]]; then
            if [[ ${BASH_REMATCH[1]} != "$OLD_MANAGER" ]]; then code=6; fi
          elif ((code == 0)); then
            code=9
          fi
          ;;
      esac
    done <"$work/err"
    if [[ ! -s $work/err ]]; then code=9; fi
    if ((code == 0)); then
      force=--force-conflicts
      continue
    fi
    quote_lines <<<"${told%$'\n'}" >&2
    if ((code == 6)); then
      die 6 "fields of these objects belong to other managers, named above" \
        "take the fields out of the source, or use consign deploy --take-over MANAGER"
    fi
    die 9 "the cluster refuses the package, as said above" "correct the source and make a new version"
  done
  if [[ -n $force && $told_taking == no ]]; then
    told_taking=yes
    info "Fields written by kubectl apply before are taken over"
  fi
}

preview() {
  show_heading
  if [[ -s $work/first ]]; then
    server_side "$work/first" --dry-run=server ${force_first:+"$force_first"} || die 9 "dry run failed: $(complaint)"
    quote_answer
  fi
  if [[ $ready_for_check == no ]]; then
    warn "not shown: the objects whose Namespace or CRD this package brings"
  else
    local file
    for file in "$work/rest" "$work/elsewhere"; do
      if [[ ! -s $file ]]; then continue; fi
      server_side "$file" --dry-run=server ${force_rest:+"$force_rest"} || die 9 "dry run failed: $(complaint)"
      quote_answer
    done
  fi
  say "[OK] Dry run complete: nothing was changed"
}

quote_answer() {
  if [[ -n $answer ]]; then printf '%s\n' "${answer//[^[:print:]$'\n']/?}"; fi
}

# --- state and confirmation -------------------------------------------------

# Secrets are not asked for, and values of variables whose names speak of one
# are left out. What else may hold a secret, arguments and ConfigMaps among it,
# is written: the file is for its owner only.
capture_state() {
  local kinds state line skip='' secret=no indent
  info "Capturing current deployment state..."
  # Another one may have been captured in this second.
  for _ in 1 2 3; do
    state=${TMPDIR:-/tmp}/deploy-state-$namespace-$(date +%Y%m%d%H%M%S).yaml
    if [[ ! -e $state && ! -L $state ]]; then break; fi
    heed sleep 1
  done
  set -o noclobber
  { exec {out}>"$state"; } 2>/dev/null || die 7 "cannot create $state"
  set +o noclobber
  kinds=deployments.apps,statefulsets.apps,daemonsets.apps,jobs.batch,cronjobs.batch,services,configmaps
  kinds+=,ingresses.networking.k8s.io,networkpolicies.networking.k8s.io,persistentvolumeclaims
  kinds+=,horizontalpodautoscalers.autoscaling,poddisruptionbudgets.policy,serviceaccounts
  if [[ $has_namespace == yes ]]; then
    ask get "$kinds" -n "$namespace" -l '!consign.dev/outcome' --show-managed-fields=false -o yaml ||
      warn "part of the state could not be read: $(complaint)"
  else
    answer="# namespace $namespace did not exist"
  fi
  while IFS= read -r line; do
    indent=${line%%[! ]*}
    if [[ -n $skip ]]; then
      if [[ -z ${line// /} || $indent == "$skip "* ]]; then continue; fi
      skip=''
    fi
    case ${line#"$indent"} in
      'kubectl.kubernetes.io/last-applied-configuration:'*)
        skip=$indent
        continue
        ;;
      '- name: '* | 'name: '*)
        secret=no
        case ${line^^} in
          *PASS* | *SECRET* | *TOKEN* | *KEY* | *CREDENTIAL* | *AUTH* | *DSN* | *CERT*) secret=yes ;;
        esac
        ;;
      'value: '*)
        if [[ $secret == yes ]]; then
          line="${indent}value: (left out)"
          skip=$indent
        fi
        ;;
    esac
    printf '%s\n' "$line"
  done <<<"$answer" >&"$out" || die 7 "cannot write $state"
  exec {out}>&-
  info "State captured to: $state"
}

show_heading() {
  say "$RULE"
  say "Deploying: $client $version"
  say "Namespace: $namespace"
  say "Context: ${context//[^[:print:]]/?}"
  say "$RULE"
}

confirm() {
  local answer=''
  show_heading
  if [[ $assume_yes == yes ]]; then return 0; fi
  printf 'Proceed with deployment? (y/N) ' >&2
  read -r answer || answer=''
  case ${answer%$'\r'} in
    y | yes) ;;
    *) die 2 "not confirmed: nothing was changed" "answer y, or run with --yes" ;;
  esac
}

# --- acting -----------------------------------------------------------------

apply_first() {
  local crd names=()
  if [[ ! -s $work/first ]]; then return 0; fi
  wrote=yes
  server_side "$work/first" ${force_first:+"$force_first"} || die 9 "Namespace and CRDs could not be applied: $(complaint)"
  quote_answer
  has_namespace=yes
  if ((${#crds[@]} == 0)); then return 0; fi
  for crd in "${crds[@]}"; do names+=("customresourcedefinition/$crd"); done
  "${kubectl[@]}" wait --for=condition=Established "--timeout=${CRD_LIMIT}s" "${names[@]}" >/dev/null ||
    die 9 "a CRD did not become usable in $CRD_LIMIT seconds" "check kubectl get crd"
}

apply_rest() {
  local file
  for file in "$work/rest" "$work/elsewhere"; do
    if [[ ! -s $file ]]; then continue; fi
    check_alone
    wrote=yes applied=yes
    if ! server_side "$file" ${force_rest:+"$force_rest"}; then
      quote_answer
      quote_lines <"$work/err" >&2
      die 11 "not everything could be applied, as said above" "run it again, or deploy the previous package"
    fi
    quote_answer
  done
}

wait_for_rollout() {
  local entry what home left late start=$SECONDS
  info "Waiting for deployment to stabilize..."
  for entry in ${workloads[@]+"${workloads[@]}"}; do
    what=${entry% *} home=${entry##* }
    left=$((ROLLOUT_LIMIT - (SECONDS - start)))
    if ! heed "${kubectl[@]}" rollout status "$what" -n "$home" "--timeout=$((left > 1 ? left : 1))s" \
      >"$work/out" 2>"$work/err"; then
      case $(complaint) in
        *'only available for RollingUpdate'*)
          warn "$what is updated by hand (OnDelete): not waited for"
          continue
          ;;
      esac
      quote_lines <"$work/out" >&2
      quote_lines <"$work/err" >&2
      late=''
      if ((SECONDS - start >= ROLLOUT_LIMIT)); then late=" in $ROLLOUT_LIMIT seconds"; fi
      die 11 "Deployment timeout: $what did not become ready$late" \
        "check kubectl get pods -n $home, kubectl get events -n $home --sort-by='.lastTimestamp' and kubectl logs -n $home; to go back, run ./deploy.sh of the previous package"
    fi
    say "$what condition met"
  done
}

show_status() {
  info "Current status:"
  ask get deployments.apps,statefulsets.apps,daemonsets.apps,services,pods -n "$namespace" || warn "status not shown: $(complaint)"
  quote_answer
}

# --- the release record -----------------------------------------------------

clean() { printf '%s' "${1//[^A-Za-z0-9._@:+\/-]/_}"; }

# A sentence as JSON may hold it.
sentence() {
  local text=${1//[^[:print:]]/?}
  text=${text//\\//}
  printf '%s' "${text//\"/\'}"
}

# add_item APIVERSION KIND NAMESPACE NAME UID: as an inventory has it, to $items.
add_item() {
  local item
  printf -v item '{"apiVersion":"%s","kind":"%s","namespace":"%s","name":"%s","uid":"%s"}' \
    "${@//[^A-Za-z0-9._@:+\/-]/_}"
  items+=${items:+,}$item
}

# The next number; creating the record fails if someone else took it.
begin_record() {
  local name outcome of number last=0
  started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  name_process
  ask get configmap -n "$namespace" -l "consign.dev/client=$client" -o \
    'jsonpath={range .items[*]}{.metadata.name} {.metadata.labels.consign\.dev/outcome} {.metadata.labels.consign\.dev/version}{"\n"}{end}' ||
    die 9 "cannot read the release records: $(complaint)"
  records=() good=0 from=null
  while read -r name outcome of; do
    number=${name#"consign.$client.r"}
    if [[ ! $number =~ ^[1-9][0-9]{0,8}$ ]]; then continue; fi
    records+=("$number")
    if ((number > last)); then last=$number; fi
    case $outcome in
      active | superseded)
        if ((number > good)); then good=$number; fi
        if [[ $outcome == active ]]; then from="\"$(clean "$of")\""; fi
        ;;
    esac
  done <<<"$answer"
  release=$((last + 1))
  wrote=yes
  print_record running "$intended" >"$work/record" || die 7 "cannot write to $work"
  ask create "--field-manager=$MANAGER" -f "$work/record" ||
    die 6 "cannot write release record $release: $(complaint)" "if another deployment is running, wait until it is done"
  record=consign.$client.r$release
}

# This process as consign names the holder of a Lease, in $holder: who shares
# its pids can tell that it is gone. Empty where /proc does not tell.
name_process() {
  local stat='' boot='' pids fields=()
  holder=''
  { stat=$(<"/proc/$$/stat") && boot=$(</proc/sys/kernel/random/boot_id); } 2>/dev/null || return 0
  pids=$(readlink "/proc/$$/ns/pid") || return 0
  # The name may hold anything; what follows it does not.
  read -ra fields <<<"${stat##*) }"
  if [[ ! ${fields[19]:-} =~ ^[0-9]+$ ]]; then return 0; fi
  holder="$(word "$(id -un)")@$(word "$(uname -n)") pid $$ started ${fields[19]} boot $(word "$boot") pids ${pids//[^0-9]/}"
}

word() { printf '%s' "${1//[^A-Za-z0-9._-]/_}"; }

# This script holds no Lease, so another run may have begun meanwhile, or have
# taken this one for dead: what serves is that one's to say.
check_alone() {
  local name outcome number own='' code=6
  if [[ $applied == yes ]]; then code=12; fi
  if ! ask get configmap -n "$namespace" -l "consign.dev/client=$client" -o \
    'jsonpath={range .items[*]}{.metadata.name} {.metadata.labels.consign\.dev/outcome}{"\n"}{end}'; then
    warn "release records not checked: $(complaint)"
    return 0
  fi
  while read -r name outcome; do
    number=${name#"consign.$client.r"}
    if [[ ! $number =~ ^[1-9][0-9]{0,8}$ ]]; then continue; fi
    if ((number == release)); then own=$outcome; fi
    if ((number <= release)); then continue; fi
    reason="release $number began meanwhile"
    end_record unknown
    die "$code" "another deployment of $client, release $number, began meanwhile" "see which version serves, and run the one that should"
  done <<<"$answer"
  if [[ $own == running ]]; then return 0; fi
  reason='ended by someone else'
  # One that is gone is not made anew.
  if [[ -z $own ]]; then record=''; else end_record unknown; fi
  die "$code" "release $release of $client was ended by someone else" "see which version serves, and run the one that should"
}

# One line of JSON, in a ConfigMap. Every value was checked or cleaned.
print_record() {
  local outcome=$1 inventory=$2 ended=null
  if [[ $outcome != running ]]; then ended="\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\""; fi
  cat <<RECORD
apiVersion: v1
kind: ConfigMap
metadata:
  name: consign.$client.r$release
  namespace: $namespace
  labels:
    app.kubernetes.io/managed-by: consign
    consign.dev/client: $client
    consign.dev/version: $version
    consign.dev/outcome: $outcome
data:
  record.json: |
    {"schema":1,"client":"$client","version":"$version","digest":"$digest","commit":"$commit","by":"$(clean "$(id -un)")","host":"$(clean "$(uname -n)")","tool":"deploy.sh","holder":"$holder","act":"deploy","from":$from,"started":"$started","ended":$ended,"reason":"$(sentence "$reason")","outcome":"$outcome","inventory":[$inventory],"secrets":[]}
RECORD
}

# What is there, with its UIDs; what is meant where that cannot be read.
take_inventory() {
  local part a k ns n uid items='' limit=$OBJECTS_LIMIT
  for part in first rest elsewhere; do
    if [[ ! -s $work/$part ]]; then continue; fi
    local home=(-n "$namespace")
    if [[ $part == elsewhere ]]; then home=(); fi
    if ! ask get -f "$work/$part" ${home[@]+"${home[@]}"} --ignore-not-found --no-headers \
      -o 'custom-columns=A:.apiVersion,K:.kind,S:.metadata.namespace,N:.metadata.name,U:.metadata.uid'; then
      warn "objects not read, recorded by name: $(complaint)" >&2
      printf '%s' "$intended"
      return 0
    fi
    while read -r a k ns n uid; do
      if [[ -z $uid ]]; then continue; fi
      if [[ $ns == '<none>' ]]; then ns=''; fi
      add_item "$a" "$k" "$ns" "$n" "$uid"
    done <<<"$answer"
  done
  printf '%s' "$items"
}

end_record() {
  local outcome=$1 ending=$record number old=()
  record=''
  if ! print_record "$outcome" "$(take_inventory)" >"$work/record" ||
    ! ask apply --server-side "--field-manager=$MANAGER" --force-conflicts -f "$work/record"; then
    warn "release record $ending not updated: $(complaint)"
    return 0
  fi
  if [[ $outcome != active ]]; then return 0; fi
  ask label configmap -n "$namespace" -l "consign.dev/client=$client,consign.dev/outcome=active,consign.dev/version" \
    --field-selector "metadata.name!=$ending" --overwrite consign.dev/outcome=superseded ||
    warn "older release records not updated: $(complaint)"
  # Runs that were cut off before this one.
  ask label configmap -n "$namespace" -l "consign.dev/client=$client,consign.dev/outcome=running" \
    --field-selector "metadata.name!=$ending" --overwrite consign.dev/outcome=unknown ||
    warn "older release records not updated: $(complaint)"
  # The one that served before is kept, however old: it is gone back to.
  for number in ${records[@]+"${records[@]}"}; do
    if ((number <= release - RECORDS_KEPT && number != good)); then old+=("consign.$client.r$number"); fi
  done
  if ((${#old[@]})); then ask delete configmap -n "$namespace" "${old[@]}" || warn "old release records not removed: $(complaint)"; fi
}

main "$@"; exit
