#include "pg/decode.h"

#include <math.h>

static const int64_t second = 1000000;
static const int64_t epoch_seconds = 946684800; /* from 1970-01-01 to 2000-01-01 */

/* Up to 2^33 seconds (the year 2242) doubles lie less than a microsecond apart, so that none is
 * lost; beyond it depends on the value. Sums of the whole microseconds may not fit 64 bits. */
bool qst__timestamp_seconds(int64_t microseconds, double *seconds_out)
{
    int64_t whole = microseconds / second;
    int64_t part = microseconds % second;
    if (part < 0) {
        part += second;
        whole--;
    }
    whole += epoch_seconds;
    /* below 2^53 microseconds the whole of them is a double, and a division rounds correctly */
    const int64_t exact = INT64_C(1) << 33;
    const double seconds = whole < exact && whole > -exact ? (double)(whole * second + part) / 1e6
                                                           : (double)whole + (double)part / 1e6;
    *seconds_out = seconds;
    if (fabs(seconds) < 0x1p33) {
        return true;
    }
    const double down = floor(seconds);
    const int64_t part_back = (int64_t)nearbyint((seconds - down) * 1e6);
    return (int64_t)down + part_back / second == whole && part_back % second == part;
}

/* ---- Texts ---- */

static char *put_text(char *at, const char *text)
{
    while (*text != '\0') {
        *at++ = *text++;
    }
    return at;
}

static char *put_number(char *at, uint64_t number, int n_least)
{
    char digits[20];
    int n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 || n < n_least);
    while (n > 0) {
        *at++ = digits[--n];
    }
    return at;
}

/* ".5" of 500000, nothing of 0. */
static char *put_fraction(char *at, uint64_t microseconds)
{
    if (microseconds == 0) {
        return at;
    }
    *at++ = '.';
    at = put_number(at, microseconds, 6);
    while (at[-1] == '0') {
        at--;
    }
    return at;
}

static char *put_part(char *at, char mark, uint64_t number)
{
    *at++ = mark;
    return put_number(at, number, 2);
}

size_t qst__timetz_text(int64_t microseconds, int32_t zone, char *text_out)
{
    const uint64_t seconds = (uint64_t)(microseconds / second);
    char *at = put_number(text_out, seconds / 3600, 2);
    at = put_part(at, ':', seconds / 60 % 60);
    at = put_part(at, ':', seconds % 60);
    at = put_fraction(at, (uint64_t)(microseconds % second));
    const uint32_t offset = zone < 0 ? -(uint32_t)zone : (uint32_t)zone;
    at = put_part(at, zone > 0 ? '-' : '+', offset / 3600);
    if (offset % 3600 != 0) {
        at = put_part(at, ':', offset / 60 % 60);
    }
    if (offset % 60 != 0) {
        at = put_part(at, ':', offset % 60);
    }
    return (size_t)(at - text_out);
}

/* "-3M" of -3 and 'M', nothing of 0. */
static char *put_unit(char *at, int64_t number, char unit)
{
    if (number == 0) {
        return at;
    }
    if (number < 0) {
        *at++ = '-';
    }
    at = put_number(at, number < 0 ? -(uint64_t)number : (uint64_t)number, 1);
    *at++ = unit;
    return at;
}

static char *put_seconds(char *at, int64_t microseconds)
{
    if (microseconds == 0) {
        return at;
    }
    if (microseconds < 0) {
        *at++ = '-';
    }
    const uint64_t size = (uint64_t)(microseconds < 0 ? -microseconds : microseconds);
    at = put_number(at, size / (uint64_t)second, 1);
    at = put_fraction(at, size % (uint64_t)second);
    *at++ = 'S';
    return at;
}

size_t qst__interval_text(int64_t microseconds, int32_t days, int32_t months, char *text_out)
{
    const int64_t minute = 60 * second;
    if (microseconds == 0 && days == 0 && months == 0) {
        return (size_t)(put_text(text_out, "PT0S") - text_out);
    }
    char *at = put_text(text_out, "P");
    at = put_unit(at, months / 12, 'Y');
    at = put_unit(at, months % 12, 'M');
    at = put_unit(at, days, 'D');
    if (microseconds != 0) {
        *at++ = 'T';
        at = put_unit(at, microseconds / (60 * minute), 'H');
        at = put_unit(at, microseconds / minute % 60, 'M');
        at = put_seconds(at, microseconds % minute);
    }
    return (size_t)(at - text_out);
}
