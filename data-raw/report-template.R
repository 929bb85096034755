# Makes inst/report/template.docx, the Word styles of report(): officer's own
# template with headings that are not numbered, captions flush left and text
# set for A4. Run from the top of the sources.
library(officer)

heading <- function(id, level, size, before) {
  sprintf(paste0(
    "<w:style w:type=\"paragraph\" w:styleId=\"%s\"><w:name w:val=\"heading %d\"/>",
    "<w:basedOn w:val=\"Normal\"/><w:next w:val=\"Normal\"/><w:qFormat/><w:pPr><w:keepNext/>",
    "<w:keepLines/><w:spacing w:before=\"%d\" w:after=\"80\"/><w:outlineLvl w:val=\"%d\"/></w:pPr>",
    "<w:rPr><w:rFonts w:ascii=\"Arial\" w:hAnsi=\"Arial\" w:cs=\"Arial\"/><w:b/>",
    "<w:sz w:val=\"%d\"/></w:rPr></w:style>"
  ), id, level, before, level - 1, size)
}

caption <- function(id, name, keep) {
  sprintf(paste0(
    "<w:style w:type=\"paragraph\" w:customStyle=\"1\" w:styleId=\"%s\"><w:name w:val=\"%s\"/>",
    "<w:basedOn w:val=\"Normal\"/><w:qFormat/><w:pPr>%s",
    "<w:spacing w:before=\"120\" w:after=\"80\"/>",
    "</w:pPr><w:rPr><w:rFonts w:ascii=\"Arial\" w:hAnsi=\"Arial\" w:cs=\"Arial\"/>",
    "<w:sz w:val=\"18\"/></w:rPr></w:style>"
  ), id, name, if (keep) "<w:keepNext/>" else "")
}

styles <- c(
  Normal = paste0(
    "<w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/>",
    "<w:qFormat/><w:pPr><w:spacing w:after=\"100\" w:line=\"264\" w:lineRule=\"auto\"/></w:pPr>",
    "<w:rPr><w:rFonts w:ascii=\"Times New Roman\" w:hAnsi=\"Times New Roman\"",
    " w:cs=\"Times New Roman\"/><w:sz w:val=\"22\"/><w:lang w:val=\"en-GB\"/></w:rPr></w:style>"
  ),
  Titre1 = heading("Titre1", 1, 34, 0),
  Titre2 = heading("Titre2", 2, 26, 320),
  Titre3 = heading("Titre3", 3, 22, 200),
  ImageCaption = caption("ImageCaption", "Image Caption", keep = FALSE),
  TableCaption = caption("TableCaption", "Table Caption", keep = TRUE)
)

template <- read_docx()
file <- file.path(template$package_dir, "word", "styles.xml")
text <- paste(readLines(file, encoding = "UTF-8", warn = FALSE), collapse = "\n")
for (id in names(styles)) {
  pattern <- sprintf("(?s)<w:style [^>]*w:styleId=\"%s\">.*?</w:style>", id)
  stopifnot(grepl(pattern, text, perl = TRUE))
  text <- sub(pattern, styles[[id]], text, perl = TRUE)
}
writeLines(enc2utf8(text), file, useBytes = TRUE)
print(template, target = "inst/report/template.docx")
