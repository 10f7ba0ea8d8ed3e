mod dialects;
mod properties;
mod recipes;
mod variables;
mod yaml;
