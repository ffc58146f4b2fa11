# get_image: $image is here afterwards: from $archive where there is one (then the archive goes), or else pulled.
: "${image?}"
: "${archive?}"

get_image() {
    image_exists "$image" && return
    if [ -n "$archive" ]; then
        said=$(image_load "$archive") || fall 'loading the archive' "$said"
        rm -f "$archive"
        image_exists "$image" || fall 'loading the archive' "it holds $(image_names "$said"), not $image"
    else
        said=$(image_pull "$image") || fall 'getting the image' "$said"
    fi
}
