/* Shows a fuzz target each file of the folders that are named, once: what the fuzzer
 * has found stays found, without libFuzzer. */
#include <dirent.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum { PATH_ROOM = 4096 };

/* The input is given in a block of exactly its size, for the sanitizer. */
static bool file_show(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        perror(path);
        return false;
    }
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    bool whole = data != NULL && fread(data, 1, size, file) == size;
    fclose(file);
    if (whole)
        LLVMFuzzerTestOneInput(data, size);
    else
        fprintf(stderr, "%s cannot be read\n", path);
    free(data);
    return whole;
}

/* How many files there were; −1: one could not be read. */
static int folder_show(const char *folder)
{
    char path[PATH_ROOM];
    int shown = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        perror(folder);
        return -1;
    }
    for (struct dirent *entry; shown >= 0 && (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        shown = file_show(path) ? shown + 1 : -1;
    }
    closedir(entries);
    return shown;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int shown = folder_show(argv[i]);
        if (shown <= 0) {
            fprintf(stderr, "%s: no input was shown\n", argv[i]);
            return EXIT_FAILURE;
        }
        printf("%s: %d inputs\n", argv[i], shown);
    }
    return EXIT_SUCCESS;
}
