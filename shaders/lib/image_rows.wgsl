// Where the rows of a matrix begin that is stored as images. `first` counts the matrices' elements: those of the groups, each its
// rows of all images, and where k is cut into PIECES, all groups for each piece; a piece lies like the whole output.
fn image_rows(first: u32) -> u32 {
  let rows = first / conv.images;
  if PIECES {
    return rows / conv.out_image * conv.out_image * conv.images + rows % conv.out_image;
  }
  return rows;
}
