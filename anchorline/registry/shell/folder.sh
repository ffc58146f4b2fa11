# The folder that a file is about to be uploaded to. From control: $folder.
: "${folder?}"

mkdir -p "$folder"
