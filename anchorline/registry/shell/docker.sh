# The verbs of a container runtime, by Docker. Each runtime has a file with the same ones (registry/runtimes.py).
# What a verb prints on standard error belongs to what it says, so that a failure's cause is told.
# From whoever changes containers: apart, which runs a program that no signal to us reaches (registry/shell/apart.sh).

runtime_there() { [ -x "$(command -v docker)" ]; }
runtime_version() { docker version --format '{{.Server.Version}}' 2>&1; }

image_exists() { docker image inspect "$1" >/dev/null 2>&1; }
image_id() { docker image inspect --format '{{.Id}}' "$1" 2>/dev/null; }
image_load() { docker load --input "$1" 2>&1; }
# the names in what image_load said
image_names() { printf '%s' "$1" | sed -n 's/^Loaded image[^:]*: //p' | tr '\n' ' '; }
image_pull() { docker pull --quiet "$1" 2>&1; }

container_exists() { docker container inspect "$1" >/dev/null 2>&1; }
# NAME STATE ID SITE DIGEST: whose it is, and what it was made of
container_labels() {
    docker container inspect --format \
        '{{.Name}} {{.State.Status}} {{.Id}} {{with index .Config.Labels "anchorline.site"}}{{.}}{{end}} {{with index .Config.Labels "anchorline.spec"}}{{.}}{{end}}' \
        "$1" 2>/dev/null
}
# its state and how often it was restarted because it had ended
container_state() { docker container inspect --format '{{.State.Status}} {{.RestartCount}}' "$1" 2>&1; }
# the driver of its log where none is named
log_driver() { docker info --format '{{.LoggingDriver}}' 2>/dev/null; }
container_began() { docker container inspect --format '{{.State.StartedAt}}' "$1" 2>/dev/null; }
container_pid() { docker container inspect --format '{{.State.Pid}}' "$1" 2>/dev/null; }
container_logs() { docker logs --tail "$2" "$1" 2>&1; }
container_create() { apart docker create --name "$@" 2>&1; }
# also one that is paused, which can't be started
container_start() {
    case $(container_state "$1") in
        paused*) apart docker unpause "$1" 2>&1 ;;
        *) apart docker start "$1" 2>&1 ;;
    esac
}
container_stop() { apart docker stop -t "$2" "$1" 2>&1; }
container_restart() { apart docker restart -t "$2" "$1" 2>&1; }
container_rename() { apart docker rename "$1" "$2" 2>&1; }
# with the volumes that its image has made it, which bear no name
container_remove() { apart docker rm -fv "$1" 2>&1; }
