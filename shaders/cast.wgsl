// Casts between compute classes (F float, I i32, U u32, B bool): scalars or vectors of four, as the program's aliases say.
// Float to integer truncates; integers of one width keep their bits; to bool is x != 0.

fn cast_FF(x: F) -> F { return x; }
fn cast_FI(x: F) -> I { return I(x); }
fn cast_FU(x: F) -> U { return U(x); }
fn cast_FB(x: F) -> B { return x != F(0.0); }
fn cast_IF(x: I) -> F { return F(x); }
fn cast_II(x: I) -> I { return x; }
fn cast_IU(x: I) -> U { return U(x); }
fn cast_IB(x: I) -> B { return x != I(0); }
fn cast_UF(x: U) -> F { return F(x); }
fn cast_UI(x: U) -> I { return I(x); }
fn cast_UU(x: U) -> U { return x; }
fn cast_UB(x: U) -> B { return x != U(0u); }
fn cast_BF(x: B) -> F { return select(F(0.0), F(1.0), x); }
fn cast_BI(x: B) -> I { return select(I(0), I(1), x); }
fn cast_BU(x: B) -> U { return select(U(0u), U(1u), x); }
fn cast_BB(x: B) -> B { return x; }
