/* The whole program: a product would read its sensor before, and use the outputs after, every invoke. */

int model_setup(void);
int model_invoke(void);

int main(void) {
  int status = model_setup();
  while (status == 0) {
    status = model_invoke();
  }
  return status;
}
