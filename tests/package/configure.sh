#!/bin/sh
# Tests of configure and of the package built without libpq. Prints TAP.
n=0
tell() { # tell STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

# A place where nothing compiles: R's compiler is `false`, so libpq is never found.
place=build/test/configure
mkdir -p "$place/src" "$place/bin"
cp src/Makevars.in "$place/src/"
printf '#!/bin/sh\necho false\n' > "$place/bin/R"
chmod +x "$place/bin/R"
configure() { # output in $place/log, and src/Makevars there
    rm -f "$place/src/Makevars"
    (cd "$place" && R_HOME=$PWD sh ../../../configure > log 2>&1)
}

QST_LIBPQ=yes configure
[ $? = 1 ] && grep -q 'Install libpq-dev' "$place/log" && [ ! -e "$place/src/Makevars" ]
tell $? "libpq demanded but missing is an error that names the cure"
QST_LIBPQ=auto configure && grep -q '(libpq): no' "$place/log" &&
    ! grep -q 'QST_HAVE_LIBPQ' "$place/src/Makevars"
tell $? "libpq missing is no error by default"

R_HOME=$(R RHOME)
export R_HOME
with() { # with ARGUMENT: configure with R's own compiler
    (cd "$place" && sh ../../../configure "$@" > log 2>&1)
}
with --with-libpq && grep -q 'QST_HAVE_LIBPQ' "$place/src/Makevars"
tell $? "libpq demanded and there is used"
with --without-libpq && ! grep -q 'QST_HAVE_LIBPQ' "$place/src/Makevars"
tell $? "libpq there but forbidden is not used"

mkdir -p build/test/lib
QST_LIBPQ=no MAKEFLAGS=-j$(nproc) R CMD INSTALL --no-docs -l build/test/lib \
    build/questrial.tar.gz > "$place/log" 2>&1 &&
    R_LIBS=build/test/lib Rscript -e 'stopifnot(!questrial::pg_available())' >&2
tell $? "the package installs and loads without libpq"
R_LIBS=build/test/lib Rscript -e 'library(questrial)
    absent <- function(expr) tryCatch(expr, error = identity)
    for (fault in list(absent(pg_connect("host=/tmp password=Qz7secret")), absent(pg_connect("a b")),
        absent(DBI::dbConnect(Pg(), host = "/tmp")))) {
        stopifnot(inherits(fault, "questrial_error_no_libpq"),
            grepl("libpq-dev", conditionMessage(fault)), !grepl("Qz7", conditionMessage(fault)))
    }' >&2
tell $? "without libpq every way to connect says what to install"
Rscript -e 'stopifnot(questrial::pg_available())' >&2
tell $? "the connector is there when libpq is"
echo "1..$n"
